//! Several processes of one function, as on Lambda, where each handles one call at a time. Calls that find all of them busy wait.

use crate::{
    Result,
    event::Operation,
    process::Running,
    subject::Subject,
    world::{Transport, World},
};
use std::{sync::Arc, time::Instant};
use tokio::sync::{Mutex, mpsc};

/// The most processes: Lambda would start one for each concurrent call, which one machine cannot.
const MOST: usize = 20;

#[derive(Clone, Debug)]
pub(crate) struct Pool {
    idle: Arc<Mutex<mpsc::Receiver<Running>>>,
    done: mpsc::Sender<Running>,
}

impl Pool {
    /// Starts a process for each caller, up to the limit.
    pub(crate) async fn start(subject: &Subject, world: &World, callers: usize) -> Result<Self> {
        let (done, idle) = mpsc::channel(MOST);
        for _ in 0..callers.min(MOST) {
            let running = Running::start(subject, &world.environment(subject, Transport::Plain), None).await?;
            running.api.ready().await?;
            done.send(running).await?;
        }
        Ok(Self { idle: Arc::new(idle.into()), done })
    }

    /// `getToken` on the next process that is idle. Returns when the response was there.
    pub(crate) async fn get_token(&self, user: &str) -> Result<Instant> {
        let running = self.idle.lock().await.recv().await.ok_or("all processes have ended")?;
        let handled = running.call(Operation::GetToken.event(user)).await;
        self.done.send(running).await?;
        Ok(handled?.received)
    }
}
