//! The run: processes that are killed, proxies and a LiveChat with changing faults, and a record of everything.

mod agent;
mod call;

use super::{
    check::MOST_TRIES,
    history::{Grant, History, Journal, Look, Name, Outcome, Probe, Who},
    plan::{AGENT_LIFE_S, Burst, Fate, Grants, MOST_OFF_MS, Plan},
};
use crate::{
    agent_token::{with_agent, with_fallback},
    kms::Kms,
    proxy::{Mode, Proxy},
    world::{Binary, Function, GetFreshToken, GetToken, Invalidate, World},
};
use aws_sdk_dynamodb::{operation::update_item::UpdateItemError, types::AttributeValue};
use call::Planned;
use cip::{
    context::Context,
    identity::{Group, GuestId, Identity, Principal, Subject, UserId},
    livechat::Accounts,
    settings::{LiveChat, Lookup},
    store::Store,
    time::Deadline,
};
use fastrand::Rng;
use sandbox::{CstMode, Granted, Sandbox, Share};
use secrecy::ExposeSecret;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Range,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{sync::watch, task::JoinSet, time::sleep};

/// The number of processes at a time.
pub(crate) const PLACES: usize = 16;
/// The number of processes that get everybody's token at the end.
const HELPERS: usize = 6;
/// How long after the last fault everybody logs out, at the earliest. A logout that could not tell LiveChat stops others from trying for
/// five seconds (`PAUSE_MS` in `operation/logout.rs`); another second is for what was in progress at the last fault.
const PAUSE_AFTER_FAILED_LOGOUT: Duration = Duration::from_secs(6);

/// The counts for the report, by kind.
pub(crate) type Tally = BTreeMap<String, u64>;

/// The results of a run.
pub(crate) struct Record {
    pub(crate) history: History,
    pub(crate) journal: Journal,
    pub(crate) tally: Tally,
    pub(crate) livechat_calls: u64,
    pub(crate) most_waiting: usize,
}

/// What all tasks share.
struct Run {
    plan: Plan,
    world: World,
    store: Store,
    accounts: Accounts,
    dynamodb: Proxy,
    livechat: Proxy,
    kms: Kms,
    began: Instant,
    ends: OnceLock<Instant>,
    history: Mutex<History>,
    tally: Mutex<Tally>,
    starved: Starved,
    /// The number of times that all processes that serve a call were killed.
    purges: watch::Sender<u64>,
}

/// The total time by which this machine delayed a thread that only sleeps and wakes up.
#[derive(Clone, Default)]
struct Starved(Arc<AtomicU64>);

impl Starved {
    const BEAT: Duration = Duration::from_millis(10);

    /// Measures until it is dropped.
    fn start() -> Self {
        let starved = Self::default();
        let total_us = Arc::downgrade(&starved.0);
        std::thread::spawn(move || {
            while let Some(total_us) = total_us.upgrade() {
                let slept = Instant::now();
                std::thread::sleep(Self::BEAT);
                let over = slept.elapsed().saturating_sub(Self::BEAT);
                total_us.fetch_add(u64::try_from(over.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
            }
        });
        starved
    }

    fn us(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A process, and the error of its clock.
struct Worker {
    function: Function,
    binary: Binary,
    clock_off_ms: i64,
}

/// Creates the world, causes faults for the planned time, lets it recover, and reads what is stored.
pub(crate) async fn run(plan: Plan) -> Record {
    let world = World::new().await.with("RUST_LOG", "info").with("RENEWALS_PER_MINUTE", "10000").with("GUESTS", "true");
    let world = match plan.grants {
        Grants::Cookie => world,
        Grants::Fallback => with_fallback(world),
        Grants::AgentToken => with_agent(world),
    };
    let dynamodb = world.proxy_to("AWS_ENDPOINT_URL_DYNAMODB").await;
    let livechat = world.proxy_to("LIVECHAT_ACCOUNTS_URL").await;
    let world = world.with("AWS_ENDPOINT_URL_DYNAMODB", &dynamodb.url()).with("LIVECHAT_ACCOUNTS_URL", &livechat.url());
    let (kms, world) = Kms::start(world).await;
    let settings = LiveChat::from_lookup(&Lookup::new(|name| world.setting(name))).expect("good settings");
    let accounts = Accounts::new(settings).expect("a client");
    let history = History {
        began_unix_ms: crate::clock::now_ms(),
        skew_ms: if plan.faketime.is_some() { 2 * MOST_OFF_MS } else { 0 },
        rejections: true,
        secrets_expire: plan.cst == CstMode::Strict && plan.grants == Grants::Cookie,
        has_agent: plan.grants != Grants::Cookie,
        ..History::default()
    };
    let store = world.store();
    world.sandbox.set(|settings| {
        settings.cst = plan.cst;
        settings.expires_in = plan.expires_in_s;
        settings.agent_expires_in = AGENT_LIFE_S;
    });
    let (began, history, tally) = (Instant::now(), Mutex::new(history), Mutex::default());
    let run = Arc::new(Run {
        plan,
        world,
        store,
        accounts,
        dynamodb,
        livechat,
        kms,
        began,
        ends: OnceLock::new(),
        history,
        tally,
        starved: Starved::start(),
        purges: watch::Sender::default(),
    });
    tokio::select! {
        never = run.watch_agent_token() => match never {},
        () = async {
            run.clone().chaos().await;
            run.clone().recovery().await;
            run.open_cookies().await;
            run.farewell().await;
        } => {}
    }
    run.conclude_agent_tokens().await;
    run.last_looks().await;
    Arc::into_inner(run).expect("all tasks have ended").record()
}

impl Run {
    async fn chaos(self: Arc<Self>) {
        let mut workers = JoinSet::new();
        for place in 0..PLACES {
            let (run, mut rng) = (self.clone(), self.plan.generator(&format!("place {place}")));
            workers.spawn(async move { (run.start(Plan::binary(place), &mut rng).await, rng) });
        }
        let workers = workers.join_all().await;
        self.ends.set(Instant::now() + Duration::from_secs(self.plan.seconds)).expect("it begins once");
        let mut tasks = JoinSet::new();
        for (worker, rng) in workers {
            tasks.spawn(self.clone().work(worker, rng));
        }
        tasks.spawn(self.clone().network_faults("DynamoDB", self.dynamodb.clone(), 500..4_000));
        // The breaker takes a while to notice that LiveChat is back.
        tasks.spawn(self.clone().network_faults("LiveChat", self.livechat.clone(), 2_000..9_000));
        tasks.spawn(self.clone().livechat_faults());
        tasks.spawn(self.clone().kms_faults());
        tasks.spawn(self.clone().looks());
        if self.plan.grants != Grants::Cookie {
            let run = self.clone();
            tasks.spawn(async move { run.agent_faults().await });
        }
        tasks.join_all().await;
    }

    fn is_over(&self) -> bool {
        self.ends.get().is_none_or(|ends| Instant::now() >= *ends)
    }

    /// Sleeps, but not past the end of the faults.
    async fn rest(&self, time: Duration) {
        let left = self.ends.get().map_or(time, |ends| ends.saturating_duration_since(Instant::now()));
        sleep(time.min(left)).await;
    }

    fn now_us(&self) -> u64 {
        self.at_us(Instant::now())
    }

    fn at_us(&self, instant: Instant) -> u64 {
        u64::try_from(instant.duration_since(self.began).as_micros()).unwrap_or(u64::MAX)
    }

    fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, what: impl Into<String>) {
        *self.tally.lock().unwrap_or_else(PoisonError::into_inner).entry(what.into()).or_default() += 1;
    }

    fn sandbox(&self) -> &Sandbox {
        &self.world.sandbox
    }

    /// Sends calls to a process, one after the other. A process that was killed, stopped or did not respond is replaced.
    async fn work(self: Arc<Self>, mut worker: Worker, mut rng: Rng) {
        let binary = worker.binary;
        while !self.is_over() {
            sleep(Plan::pause(&mut rng, binary)).await;
            let who = self.plan.who(&mut rng, self.began.elapsed());
            let (timeout, fate) = (Plan::timeout(&mut rng), Plan::fate(&mut rng, binary));
            if let Some((_, fate)) = &fate {
                self.count(fate.to_string());
            }
            let was_guest = Plan::was_guest(&mut rng, &who);
            let logout = rng.bool();
            let outcome = self.call(&worker, Planned { who, was_guest, logout, timeout, fate }).await;
            let was_stopped = matches!(fate, Some((_, Fate::Stopped(_))));
            if was_stopped || matches!(outcome, Outcome::Killed | Outcome::NoResponse) {
                worker.function.end().await;
                worker = self.start(binary, &mut rng).await;
            }
        }
        worker.function.end().await;
    }

    /// Starts a process.
    async fn start(&self, binary: Binary, rng: &mut Rng) -> Worker {
        let clock_off_ms = self.plan.clock_off_ms(rng);
        let mut settings = Vec::new();
        if let Some(library) = self.plan.faketime.as_ref().filter(|_| clock_off_ms != 0) {
            settings.push(("LD_PRELOAD", library.clone()));
            let (sign, off_ms) = (if clock_off_ms < 0 { '-' } else { '+' }, clock_off_ms.unsigned_abs());
            settings.push(("FAKETIME", format!("{sign}{}.{:03}", off_ms / 1000, off_ms % 1000)));
            settings.push(("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()));
            self.count("processes with a wrong clock");
        }
        if let Some(key) = self.plan.cookies_key(rng) {
            settings.push(("COOKIES_KMS_KEY", key.to_owned()));
            self.count("processes that seal cookies");
        }
        self.count("processes");
        let function = self.world.spawn_with(binary, &settings).await;
        Worker { function, binary, clock_off_ms }
    }

    /// Alternates between no fault and one of the proxy's faults.
    async fn network_faults(self: Arc<Self>, name: &str, proxy: Proxy, pause_ms: Range<u64>) {
        let mut rng = self.plan.generator(name);
        while !self.is_over() {
            let (pause, burst, lasts) = self.plan.network_faults(&mut rng, pause_ms.clone());
            self.rest(pause).await;
            self.count(format!("{name}: {burst}"));
            let until = Instant::now() + lasts;
            match burst {
                Burst::Mode(mode) => {
                    proxy.set(mode);
                    self.rest(lasts).await;
                }
                Burst::Late => {
                    proxy.set(Mode::Delay(Duration::from_millis(rng.u64(9_000..14_000))));
                    self.rest(lasts).await;
                }
                Burst::Cuts | Burst::LostResponses => {
                    while Instant::now() < until && !self.is_over() {
                        self.rest(Duration::from_millis(rng.u64(20..200))).await;
                        if matches!(burst, Burst::Cuts) { proxy.cut() } else { proxy.lose_next_response() }
                    }
                }
            }
            proxy.set(Mode::Pass);
        }
    }

    /// Changes LiveChat's faults.
    async fn livechat_faults(self: Arc<Self>) {
        let mut rng = self.plan.generator("livechat faults");
        while !self.is_over() {
            let (latency_ms, jitter_ms, share, lasts) = self.plan.livechat_faults(&mut rng);
            self.sandbox().set(|settings| (settings.latency_ms, settings.jitter_ms) = (latency_ms, jitter_ms));
            self.sandbox().fail_share(share);
            self.rest(lasts).await;
        }
        self.sandbox().set(|settings| (settings.latency_ms, settings.jitter_ms) = (0, 0));
        self.sandbox().fail_share(Share { any_of: vec![], per_mille: 0, seed: 0 });
    }

    /// AWS KMS fails, or is slow, now and then.
    async fn kms_faults(self: Arc<Self>) {
        let mut rng = self.plan.generator("kms faults");
        while self.plan.sealed && !self.is_over() {
            let (pause, fails, lasts) = Plan::kms_fault(&mut rng);
            self.rest(pause).await;
            self.kms.set_down(fails);
            self.kms.set_latency(if fails { Duration::ZERO } else { lasts });
            self.rest(lasts).await;
            self.kms.set_down(false);
            self.kms.set_latency(Duration::ZERO);
        }
    }

    /// Reads what is stored, and sometimes makes LiveChat forget a customer or its cookies.
    async fn looks(self: Arc<Self>) {
        let mut rng = self.plan.generator("looks");
        while !self.is_over() {
            sleep(Duration::from_millis(rng.u64(..200))).await;
            let who = self.plan.who(&mut rng, self.began.elapsed());
            let Some(identity) = self.look(who).await else { continue };
            match rng.u8(..12) {
                0 => {
                    self.history().forgotten.insert(identity.entity_id.clone());
                    self.sandbox().forget(&identity.entity_id);
                    self.count("customers that LiveChat was made to forget");
                }
                1 if self.plan.grants == Grants::Fallback && identity.cookies.is_some() => {
                    self.sandbox().kill_cookies(&identity.entity_id);
                    self.count("customers whose cookies LiveChat does not accept any more");
                }
                _ => {}
            }
        }
    }

    async fn look(&self, who: Who) -> Option<Identity> {
        let start_us = self.now_us();
        let record = self.store.read(&subject(&who), &Context::new(Deadline::after(Duration::from_secs(10)))).await;
        let record = record.expect("the database responds").unwrap_or_default();
        let end_us = self.now_us();
        let entity = record.identity.as_ref().map(|identity| identity.entity_id.clone());
        let former = record.identity.iter().flat_map(|identity| &identity.former);
        let former = former.map(|former| former.entity_id.clone()).collect();
        let access_token = record.issued().map(|issued| issued.token.access_token.expose_secret().to_owned());
        let is_adopted = record.is_adopted;
        if record.refusal.is_some() {
            self.end_refusal(&who).await;
        }
        self.history().looks.push(Look { who, start_us, end_us, entity, former, access_token, is_adopted });
        record.identity
    }

    /// Ends LiveChat's refusal of a subject. It lasts longer than most runs, and would prevent all other calls.
    async fn end_refusal(&self, who: &Who) {
        let request = self.world.dynamodb.update_item().table_name(&self.world.table).set_key(Some(key(&subject(who))));
        let request = request
            .update_expression("SET refused.#until = :long_ago")
            .condition_expression("attribute_exists(refused)")
            .expression_attribute_names("#until", "until")
            .expression_attribute_values(":long_ago", AttributeValue::N("1".into()));
        if let Err(error) = request.send().await {
            use UpdateItemError::{ConditionalCheckFailedException, TransactionConflictException};
            let kind = error.as_service_error();
            let is_busy_or_gone =
                matches!(kind, Some(ConditionalCheckFailedException(_) | TransactionConflictException(_)));
            assert!(is_busy_or_gone, "{error:?}");
        }
    }

    fn everybody(&self) -> BTreeSet<Who> {
        let history = self.history();
        let seen = history.calls.iter().map(|call| &call.who).chain(history.looks.iter().map(|look| &look.who));
        seen.cloned().collect()
    }

    /// There are no more faults. Gets a token for everybody.
    async fn recovery(self: Arc<Self>) {
        // Drops all requests that are still delayed. Repeated ones may still arrive.
        self.dynamodb.cut();
        self.livechat.cut();
        let calm_us = self.now_us();
        self.history().calm_us = calm_us;
        let everybody = Arc::new(Mutex::new(self.everybody()));
        let mut helpers = JoinSet::new();
        for helper in 0..HELPERS {
            let (run, everybody) = (self.clone(), everybody.clone());
            helpers.spawn(async move {
                let worker = run.start(GetToken, &mut run.plan.generator(&format!("helper {helper}"))).await;
                let next = || everybody.lock().unwrap_or_else(PoisonError::into_inner).pop_first();
                while let Some(who) = next() {
                    run.recover(&worker, who).await;
                }
                worker.function.end().await;
            });
        }
        // The checker finds the subjects without a token.
        let longest = Duration::from_secs(self.plan.seconds + 120);
        let all = async { while helpers.join_next().await.is_some() {} };
        if tokio::time::timeout(longest, all).await.is_err() {
            helpers.shutdown().await;
        }
    }

    async fn recover(&self, worker: &Worker, who: Who) {
        for _ in 0..MOST_TRIES {
            let comes_back = match self.call(worker, Planned::undisturbed(who.clone(), false)).await {
                Outcome::Problem { status: 502 | 404, .. } => {
                    self.end_refusal(&who).await;
                    self.end_agent_refusal().await;
                    continue;
                }
                Outcome::Problem { status, retry_after, .. } if status != 410 => retry_after.unwrap_or_default(),
                _ => return,
            };
            sleep(Duration::from_secs(comes_back)).await;
        }
    }

    /// A function that does not seal stores all cookies in the clear, for the last looks.
    async fn open_cookies(&self) {
        if !self.plan.sealed {
            return;
        }
        let (data_keys, opened) = self.kms.calls();
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).extend([
            ("data keys generated".to_owned(), data_keys as u64),
            ("data keys decrypted".to_owned(), opened as u64),
        ]);
        let function = self.world.spawn(GetFreshToken).await;
        let worker = Worker { function, binary: GetFreshToken, clock_off_ms: 0 };
        for who in self.everybody() {
            self.recover(&worker, who).await;
        }
        worker.function.end().await;
    }

    /// Everybody logs out of all groups. Records the returned tokens that still work after that.
    async fn farewell(&self) {
        let earliest_us = {
            let history = self.history();
            let pause = PAUSE_AFTER_FAILED_LOGOUT + Duration::from_millis(history.skew_ms);
            history.calm_us.saturating_add(u64::try_from(pause.as_micros()).expect("some seconds"))
        };
        sleep(Duration::from_micros(earliest_us.saturating_sub(self.now_us()))).await;
        let worker = self.start(Invalidate, &mut self.plan.generator("farewell")).await;
        let names: BTreeSet<_> = self.everybody().into_iter().map(|who| who.name).collect();
        for name in names {
            self.call(&worker, Planned::undisturbed(Who { name, group: None }, true)).await;
        }
        worker.function.end().await;
        let left = self.working(|_| true);
        self.history().left_working = left;
    }

    /// Calls LiveChat with the stored cookies, or as an agent.
    async fn last_looks(&self) {
        for who in self.everybody() {
            let Some(identity) = self.look(who.clone()).await else { continue };
            let (at_us, group) = (self.now_us(), subject(&who).group);
            let returned = if self.plan.grants == Grants::Cookie {
                let context = Context::new(Deadline::after(Duration::from_secs(10)));
                let grant = self.accounts.token(group, Some(&identity), &context).await;
                grant.expect("LiveChat responds").entity_id
            } else {
                self.ask_as_agent(&who, &identity.entity_id).await
            };
            let stored = identity.entity_id;
            self.history().probes.push(Probe { who, at_us, stored, returned });
        }
    }

    fn record(self) -> Record {
        let journal = self.sandbox().journal().into_iter().map(|granted| self.grant(granted)).collect();
        let mut tally = self.tally.into_inner().unwrap_or_else(PoisonError::into_inner);
        for (fault, times) in self.world.sandbox.faults_hit() {
            let name = serde_json::to_value(fault).unwrap_or_default();
            tally.insert(format!("fault {}", name.as_str().unwrap_or_default()), times);
        }
        let history = self.history.into_inner().unwrap_or_else(PoisonError::into_inner);
        let adopted: BTreeSet<_> = history.looks.iter().filter(|look| look.is_adopted).map(|look| &look.who).collect();
        tally.insert("guests who became users".into(), adopted.len() as u64);
        Record {
            history,
            journal,
            tally,
            livechat_calls: self.world.sandbox.calls().token,
            most_waiting: self.world.sandbox.most_waiting(),
        }
    }

    fn grant(&self, granted: Granted) -> Grant {
        Grant {
            came_us: self.at_us(granted.came),
            took_effect_us: self.at_us(granted.took_effect),
            proved: granted.proved,
            claimed: granted.claimed,
            slipped: granted.slipped,
            entity: granted.entity_id,
            access_token: granted.access_token,
            ends_us: self.at_us(granted.ends),
        }
    }
}

/// A subject, as the functions read it from a request.
fn subject(who: &Who) -> Subject {
    let principal = match &who.name {
        Name::User(id) => Principal::User(UserId::parse(id).expect("a good id")),
        Name::Guest(secret) => Principal::Guest(GuestId::of_secret(secret.as_bytes()).expect("a good secret")),
    };
    Subject { principal, group: who.group.map(Group) }
}

fn key(subject: &Subject) -> HashMap<String, AttributeValue> {
    let sk = subject.group.map_or_else(|| "identity".to_owned(), |Group(number)| format!("group#{number}"));
    [("pk", subject.principal.key()), ("sk", sk)]
        .map(|(name, value)| (name.to_owned(), AttributeValue::S(value)))
        .into()
}
