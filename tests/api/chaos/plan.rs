//! The plan of a run: all random choices come from one seed. Each part of the run has its own generator.

use super::history::{Name, Who};
use crate::{
    kms::{KEY, OTHER_KEY},
    proxy::Mode,
    world::{Binary, GetFreshToken, GetToken, HasToken, Invalidate},
};
use cip::time::millis;
use fastrand::Rng;
use sandbox::{CstMode, Fault, Share};
use std::{env, fmt, ops::Range, str::FromStr, time::Duration};

/// The settings of a run, from the environment.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// `CHAOS_SEED`, or else a random one.
    pub(crate) seed: u64,
    /// `CHAOS_SECONDS`.
    pub(crate) seconds: u64,
    /// `CHAOS_FAKETIME`: the path of libfaketime, which makes half of the processes' clocks wrong.
    pub(crate) faketime: Option<String>,
    /// How the functions get tokens: `CHAOS_GRANT`.
    pub(crate) grants: Grants,
    /// How LiveChat treats cookies. Chosen by the seed.
    pub(crate) cst: CstMode,
    /// The lifetime of tokens, in s. Chosen by the seed.
    pub(crate) expires_in_s: u64,
    /// Most processes seal cookies, some of them with another key, and AWS KMS has faults. Chosen by the seed.
    pub(crate) sealed: bool,
}

/// How the functions get tokens: `LIVECHAT_GRANT`, and whether they have an agent's credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grants {
    /// With cookies only.
    Cookie,
    /// With cookies, and if LiveChat does not accept them, with an agent's token.
    Fallback,
    /// With an agent's token.
    AgentToken,
}

impl fmt::Display for Grants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cookie => "cookie",
            Self::Fallback => "fallback",
            Self::AgentToken => "agent_token",
        })
    }
}

/// The lifetime of an agent's token, in s.
pub(crate) const AGENT_LIFE_S: u64 = 20;
/// The largest error of a process's clock, in ms.
pub(crate) const MOST_OFF_MS: u64 = 1_000;
/// A run of at least this many seconds has time for outages that are longer than a lease.
const LONG_RUN_S: u64 = 60;
/// The duration of the short runs.
const SHORT_RUN_S: u64 = 5;
const USERS: u64 = 300;
const HOT_USERS: u64 = 6;

impl Plan {
    pub(crate) fn read() -> Self {
        let seed = number("CHAOS_SEED").unwrap_or_else(|| fastrand::u64(..1_000_000_000));
        let mut rng = Rng::with_seed(seed);
        Self {
            seed,
            seconds: number("CHAOS_SECONDS").unwrap_or(10),
            grants: match env::var("CHAOS_GRANT").unwrap_or_default().as_str() {
                "" | "cookie" => Grants::Cookie,
                "fallback" => Grants::Fallback,
                "agent_token" => Grants::AgentToken,
                other => panic!("CHAOS_GRANT must be cookie, fallback or agent_token, not {other}"),
            },
            faketime: env::var("CHAOS_FAKETIME").ok().filter(|path| !path.is_empty()),
            cst: [CstMode::Constant, CstMode::Rotating, CstMode::Strict][(seed % 3) as usize],
            expires_in_s: rng.u64(6..=24),
            sealed: seed / 3 % 2 == 1,
        }
    }

    /// A short run with these grants.
    pub(crate) fn short(grants: Grants) -> Self {
        Self { grants, seconds: SHORT_RUN_S, ..Self::read() }
    }

    /// The random number generator of one part of the run.
    pub(crate) fn generator(&self, name: &str) -> Rng {
        let salt = name.bytes().fold(self.seed, |salt, byte| salt.wrapping_mul(1_099_511_628_211) ^ u64::from(byte));
        Rng::with_seed(salt)
    }

    /// The binary of the process with this number.
    pub(crate) fn binary(place: usize) -> Binary {
        [GetToken, GetFreshToken, GetToken, Invalidate, GetFreshToken, GetToken, GetToken, HasToken][place % 8]
    }

    /// The subject of a call: half of the time that of the current scene of 2 s, which is new or busy; or else a busy one, or any.
    pub(crate) fn who(&self, rng: &mut Rng, elapsed: Duration) -> Who {
        match rng.u8(..10) {
            0..=4 => {
                let scene = elapsed.as_secs() / 2;
                let mut own = Rng::with_seed(self.seed ^ (scene << 32));
                if own.bool() {
                    return Self::identity(own.u64(..HOT_USERS), &mut own);
                }
                // The guest of this scene logs in during the next one, in their own browser or in that of the next guest.
                let number = USERS + scene;
                let name = match rng.u8(..5) {
                    0..=1 => Self::guest(number),
                    _ => Name::User(format!("alice-{}", number - 1)),
                };
                Who { name, group: None }
            }
            5..=7 => Self::identity(rng.u64(..HOT_USERS), rng),
            _ => Self::identity(rng.u64(..USERS), rng),
        }
    }

    fn identity(number: u64, rng: &mut Rng) -> Who {
        let group = (rng.u8(..6) == 0).then_some(1);
        let name = if rng.u8(..4) == 0 { Self::guest(number) } else { Name::User(format!("alice-{number}")) };
        Who { name, group }
    }

    fn guest(number: u64) -> Name {
        Name::Guest(format!("guest-secret-{number}-0123456789-0123456789"))
    }

    /// The former guest that a user names: mostly the guest of their own browser, or else that of another browser, which also
    /// has its own user. New users always name one.
    pub(crate) fn was_guest(rng: &mut Rng, who: &Who) -> Option<Who> {
        let Name::User(id) = &who.name else { return None };
        let number: u64 = id.strip_prefix("alice-")?.parse().ok()?;
        let browser = number + u64::from(rng.u8(..4) == 0);
        let names_one = number >= USERS || rng.bool();
        names_one.then(|| Who { name: Self::guest(browser), group: who.group })
    }

    /// The pause between two calls. Tokens are invalidated less often than they are requested.
    pub(crate) fn pause(rng: &mut Rng, binary: Binary) -> Duration {
        let most_ms = if matches!(binary, GetToken | GetFreshToken) { 150 } else { 900 };
        Duration::from_millis(rng.u64(..most_ms))
    }

    /// The time-out of a call: mostly that of the template.
    pub(crate) fn timeout(rng: &mut Rng) -> Duration {
        Duration::from_secs(if rng.u8(..10) == 0 { 4 } else { 15 })
    }

    /// What happens to a process during a call, and how long after its start.
    pub(crate) fn fate(rng: &mut Rng, binary: Binary) -> Option<(Duration, Fate)> {
        let per_mille = if matches!(binary, GetToken | GetFreshToken) { 40 } else { 15 };
        if rng.u32(..1000) >= per_mille {
            return None;
        }
        let fate =
            if rng.u8(..5) == 0 { Fate::Stopped(Duration::from_millis(rng.u64(200..13_000))) } else { Fate::Killed };
        Some((mostly_short(rng, 0, 900), fate))
    }

    /// The error of a process's clock, in ms: positive if it is ahead.
    pub(crate) fn clock_off_ms(&self, rng: &mut Rng) -> i64 {
        let most = MOST_OFF_MS.cast_signed();
        if self.faketime.is_some() && rng.bool() { rng.i64(-most..=most) } else { 0 }
    }

    /// The key with which a process seals cookies, if it does.
    pub(crate) fn cookies_key(&self, rng: &mut Rng) -> Option<&'static str> {
        let keys = [None, Some(KEY), Some(KEY), Some(KEY), Some(KEY), Some(OTHER_KEY)];
        if self.sealed { keys[rng.usize(..keys.len())] } else { None }
    }

    /// How long AWS KMS works, whether it fails or is slow after that, and for how long.
    pub(crate) fn kms_fault(rng: &mut Rng) -> (Duration, bool, Duration) {
        (Duration::from_millis(rng.u64(500..4_000)), rng.bool(), mostly_short(rng, 200, 2_000))
    }

    /// The next fault between two parts of the system: the pause before it, the fault, and its duration.
    pub(crate) fn network_faults(&self, rng: &mut Rng, pause_ms: Range<u64>) -> (Duration, Burst, Duration) {
        let (pause, lasts) = (Duration::from_millis(rng.u64(pause_ms)), mostly_short(rng, 200, 4_000));
        if self.seconds >= LONG_RUN_S && rng.u8(..16) == 0 {
            let mode = if rng.bool() { Mode::BlackHole } else { Mode::Refuse };
            // Leases expire while their owners still try to store what they got.
            return (pause, Burst::Mode(mode), Duration::from_millis(rng.u64(9_000..13_000)));
        }
        match rng.u8(..10) {
            0..=1 => (pause, Burst::Mode(Mode::Delay(mostly_short(rng, 20, 3_000))), lasts),
            // Requests arrive after their senders have given up and others have acquired the lease.
            2 => (pause, Burst::Late, Duration::from_millis(rng.u64(300..1_200))),
            3..=4 => (pause, Burst::Mode(Mode::Repeat(mostly_short(rng, 50, 14_000))), lasts),
            5 => (pause, Burst::Mode(Mode::BlackHole), lasts),
            6 => (pause, Burst::Mode(Mode::Refuse), lasts),
            7 => (pause, Burst::Mode(Mode::LoseResponses), lasts),
            8 => (pause, Burst::Cuts, lasts),
            _ => (pause, Burst::LostResponses, lasts),
        }
    }

    /// LiveChat's next faults: latency and jitter in ms, the share of calls that fail, and the duration of this.
    pub(crate) fn livechat_faults(&self, rng: &mut Rng) -> (u64, u64, Share, Duration) {
        // A response without the new secret loses the customer if the old one is invalid.
        let harmless = |fault: &Fault| match fault {
            Fault::OneCookie => self.cst != CstMode::Strict,
            // Twice in a row, it tells an agent that the customer does not exist.
            Fault::OauthResourceNotFound => self.grants == Grants::Cookie,
            _ => true,
        };
        let mut any_of: Vec<_> = Fault::ALL.into_iter().filter(harmless).collect();
        // Another customer and lost responses matter most.
        any_of.extend([Fault::OtherEntity, Fault::OtherEntity, Fault::ResetAfter, Fault::ResetAfter, Fault::Http503]);
        let per_mille = [0, 20, 60, 60, 150, 300][rng.usize(..6)];
        let latency_ms = millis(mostly_short(rng, 0, 200));
        let jitter_ms = millis(mostly_short(rng, 0, 500));
        (latency_ms, jitter_ms, Share { any_of, per_mille, seed: rng.u64(..) }, mostly_short(rng, 500, 3_000))
    }
}

impl Plan {
    /// The next fault of LiveChat's OAuth server. Lost responses matter most: the token was issued.
    pub(crate) fn oauth_fault(rng: &mut Rng) -> Fault {
        const FAULTS: [Fault; 20] = [
            Fault::Http500,
            Fault::Http503,
            Fault::Http429,
            Fault::Html,
            Fault::Empty,
            Fault::Truncated,
            Fault::Huge,
            Fault::SlowBody,
            Fault::MissingFields,
            Fault::ExpiresZero,
            Fault::ExpiresAbsurd,
            Fault::OauthServerError,
            Fault::OauthInvalidRequest,
            Fault::OauthIn200,
            Fault::IdentityException,
            Fault::ResetBefore,
            Fault::ResetAfter,
            Fault::ResetAfter,
            Fault::Hang,
            Fault::HangAfter,
        ];
        FAULTS[rng.usize(..FAULTS.len())]
    }
}

/// What happens to a process.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fate {
    /// `SIGKILL`.
    Killed,
    /// `SIGSTOP`, and after a while `SIGCONT`.
    Stopped(Duration),
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Killed => "processes to be killed if the call still runs",
            Self::Stopped(_) => "processes to be stopped if the call still runs, and killed later",
        })
    }
}

/// What happens to connections.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Burst {
    Mode(Mode),
    /// Everything that is sent arrives much later.
    Late,
    /// All connections are reset again and again.
    Cuts,
    /// Again and again, a single response is lost.
    LostResponses,
}

impl fmt::Display for Burst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mode(Mode::Pass) => "no fault",
            Self::Mode(Mode::Delay(_)) => "delays",
            Self::Mode(Mode::BlackHole) => "black holes",
            Self::Mode(Mode::Repeat(_)) => "all requests repeated later",
            Self::Mode(Mode::Refuse) => "refusals",
            Self::Mode(Mode::LoseResponses) => "all responses lost",
            Self::Late => "very late arrivals",
            Self::Cuts => "cuts",
            Self::LostResponses => "single responses lost",
        })
    }
}

/// A random duration, mostly near the shortest.
fn mostly_short(rng: &mut Rng, shortest_ms: u64, longest_ms: u64) -> Duration {
    let share = rng.f64().powi(3);
    Duration::from_millis(shortest_ms) + Duration::from_millis(longest_ms - shortest_ms).mul_f64(share)
}

fn number<T: FromStr>(name: &str) -> Option<T> {
    let text = env::var(name).ok().filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} must be a number, not {text}")))
}

#[test]
fn the_same_seed_gives_the_same_plan() {
    let planned = |seed| {
        let (cst, grants) = (CstMode::Strict, Grants::AgentToken);
        let plan = Plan { seed, seconds: LONG_RUN_S, faketime: None, grants, cst, expires_in_s: 8, sealed: true };
        let mut rng = plan.generator("a test");
        let things = (0..50).map(|second| {
            let who = plan.who(&mut rng, Duration::from_secs(second));
            let fate = Plan::fate(&mut rng, GetToken);
            let faults = (plan.livechat_faults(&mut rng), Plan::oauth_fault(&mut rng));
            format!("{who} {fate:?} {:?} {faults:?}", plan.network_faults(&mut rng, 1..100))
        });
        things.collect::<Vec<_>>()
    };
    assert_eq!(planned(1), planned(1));
    assert_ne!(planned(1), planned(2));
}
