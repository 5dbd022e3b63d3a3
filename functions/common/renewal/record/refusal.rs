//! What LiveChat refused, and for how long it is not called again because of that.

use crate::identity::UnixMs;
use std::ops::RangeInclusive;

/// LiveChat refused to issue a token for a subject. It would refuse the same request again, and bills each, so for a while
/// this is the result of all calls for that subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// When LiveChat may be called again, by the clock of the call that was refused.
    pub until: UnixMs,
    /// The number of refusals in a row, this one included.
    pub times: u64,
    /// The settings that LiveChat refused: [`LiveChat::fingerprint`](crate::settings::LiveChat::fingerprint).
    pub settings: String,
    /// LiveChat's code.
    pub exception: String,
    /// LiveChat's description, or one of ours if LiveChat gave none.
    pub description: String,
}

impl Refusal {
    /// How long LiveChat is not called after the first refusal in a row, in s.
    pub const FIRST_PAUSE_S: u32 = 60;
    /// The pauses after the first, the second and each later refusal in a row, in ms. The last pause applies to all that follow.
    const PAUSES_MS: [u64; 4] = [Self::FIRST_PAUSE_S as u64 * 1000, 120_000, 240_000, 300_000];
    /// An end later than the longest pause plus this comes from a wrong clock; in ms.
    const SKEW_MS: u64 = 10_000;

    /// The first refusal of these `settings`.
    pub fn first(settings: &str, exception: &str, description: &str, now: UnixMs) -> Self {
        Self {
            until: now.plus_ms(Self::pause_ms(1)),
            times: 1,
            settings: settings.to_owned(),
            exception: exception.to_owned(),
            description: description.to_owned(),
        }
    }

    /// This refusal, counted as the one after `before` if both are of the same settings.
    #[must_use]
    pub fn after(self, before: Option<&Self>, now: UnixMs) -> Self {
        let same = before.filter(|before| before.settings == self.settings && !before.is_of_a_wrong_clock(now));
        let times = same.map_or(0, |before| before.times).saturating_add(1);
        Self { until: now.plus_ms(Self::pause_ms(times)), times, ..self }
    }

    /// The points in time at which a refusal that still applies can end.
    pub fn current_ends(now: UnixMs) -> RangeInclusive<UnixMs> {
        now.plus_ms(1)..=Self::latest_end(now)
    }

    /// Whether it applies to a call with these `settings`.
    pub fn applies_to(&self, settings: &str, now: UnixMs) -> bool {
        self.settings == settings && Self::current_ends(now).contains(&self.until)
    }

    fn is_of_a_wrong_clock(&self, now: UnixMs) -> bool {
        self.until > Self::latest_end(now)
    }

    fn latest_end(now: UnixMs) -> UnixMs {
        now.plus_ms(Self::pause_ms(u64::MAX) + Self::SKEW_MS)
    }

    fn pause_ms(times: u64) -> u64 {
        let nth = usize::try_from(times.saturating_sub(1)).unwrap_or(usize::MAX);
        Self::PAUSES_MS[nth.min(Self::PAUSES_MS.len() - 1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMs = UnixMs::new(1_700_000_000_000);

    fn after(before: Option<&Refusal>, settings: &str, now: UnixMs) -> Refusal {
        Refusal::first(settings, "invalid_client", "no such app", now).after(before, now)
    }

    #[test]
    fn each_refusal_in_a_row_has_a_longer_pause() {
        let (mut before, mut pauses_s, mut now) = (None, Vec::new(), NOW);
        for times in 1..=6 {
            let refusal = after(before.as_ref(), "a", now);
            assert_eq!(refusal.times, times);
            pauses_s.push(refusal.until.ms_since(now) / 1000);
            // However long it took until somebody called again.
            now = refusal.until.plus_ms(times * 86_400_000);
            before = Some(refusal);
        }
        assert_eq!(pauses_s, [60, 120, 240, 300, 300, 300]);
        assert_eq!(u64::from(Refusal::FIRST_PAUSE_S), pauses_s[0]);
    }

    #[test]
    fn a_refusal_applies_only_to_the_same_settings() {
        let refusal = after(Some(&after(None, "a", NOW)), "a", NOW);
        assert_eq!(refusal.times, 2);
        assert!(refusal.applies_to("a", NOW) && !refusal.applies_to("b", NOW));
        assert_eq!(after(Some(&refusal), "b", NOW).times, 1);
    }

    #[test]
    fn a_refusal_ends_even_if_a_clock_was_wrong() {
        for (until, applies) in [
            (UnixMs::new(0), false),
            (NOW, false),
            (NOW.plus_ms(1), true),
            (NOW.plus_ms(300_000), true),
            (NOW.plus_ms(310_000), true),
            (NOW.plus_ms(310_001), false),
            (UnixMs::new(u64::MAX), false),
        ] {
            let refusal = Refusal { until, ..after(None, "a", NOW) };
            assert_eq!(refusal.applies_to("a", NOW), applies, "{until:?}");
        }
    }

    #[test]
    fn a_refusal_with_a_time_in_the_future_does_not_count() {
        let of_next_year = after(Some(&after(None, "a", NOW)), "a", NOW.plus_ms(31_536_000_000));
        assert_eq!(of_next_year.times, 2);
        assert_eq!(after(Some(&of_next_year), "a", NOW).times, 1);
        // To a clock that is itself ahead, the earlier refusal counts as usual. So does one from a clock that is behind.
        assert_eq!(after(Some(&of_next_year), "a", of_next_year.until).times, 3);
        assert_eq!(after(Some(&after(None, "a", UnixMs::new(0))), "a", NOW).times, 2);
    }

    #[test]
    fn any_stored_number_of_refusals_gives_a_valid_pause() {
        for (times, pause_ms) in [(0, 60_000), (4, 300_000), (u64::MAX, 300_000)] {
            let refusal = after(Some(&Refusal { times, ..after(None, "a", NOW) }), "a", NOW);
            assert_eq!((refusal.until.ms_since(NOW), refusal.times), (pause_ms, times.saturating_add(1)));
        }
    }
}
