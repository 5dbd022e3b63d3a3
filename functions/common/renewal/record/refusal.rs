//! What LiveChat refused, and for how long it is not called again because of that.

/// LiveChat refused to issue a token for a subject. It would refuse the same request again, and bills each, so for a while
/// this is the result of all calls for that subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// When LiveChat may be called again; Unix time in ms, by the clock of whoever was refused.
    pub until_ms: u64,
    /// The number of refusals in a row, this one included.
    pub times: u64,
    /// The settings that LiveChat refused: [`LiveChat::fingerprint`](crate::settings::LiveChat::fingerprint).
    pub settings: String,
    /// LiveChat's code.
    pub exception: String,
    /// LiveChat's words, or ours where it had none.
    pub description: String,
}

impl Refusal {
    /// How long LiveChat is not called after the first refusal in a row, in s.
    pub const FIRST_PAUSE_S: u32 = 60;
    /// The same after the first, the second and so on, in ms; the last one is for all that follow.
    const PAUSES_MS: [u64; 4] = [Self::FIRST_PAUSE_S as u64 * 1000, 120_000, 240_000, 300_000];
    /// An end later than the longest pause plus this comes from a wrong clock; in ms.
    const SKEW_MS: u64 = 10_000;

    /// The refusal that follows `before`, if there was one and it was of the same `settings`.
    pub fn after(before: Option<&Self>, settings: &str, exception: &str, description: &str, now_ms: u64) -> Self {
        let same = before.filter(|before| before.settings == settings && !before.is_of_a_wrong_clock(now_ms));
        let times = same.map_or(0, |before| before.times).saturating_add(1);
        Self {
            until_ms: now_ms + Self::pause_ms(times),
            times,
            settings: settings.to_owned(),
            exception: exception.to_owned(),
            description: description.to_owned(),
        }
    }

    /// The earliest and the latest end of a refusal that still applies; Unix time in ms.
    pub fn bounds_ms(now_ms: u64) -> (u64, u64) {
        (now_ms + 1, now_ms + Self::pause_ms(u64::MAX) + Self::SKEW_MS)
    }

    /// Whether it applies to a call with these `settings`.
    pub fn applies_to(&self, settings: &str, now_ms: u64) -> bool {
        let (earliest, latest) = Self::bounds_ms(now_ms);
        self.settings == settings && (earliest..=latest).contains(&self.until_ms)
    }

    fn is_of_a_wrong_clock(&self, now_ms: u64) -> bool {
        self.until_ms > Self::bounds_ms(now_ms).1
    }

    fn pause_ms(times: u64) -> u64 {
        let nth = usize::try_from(times.saturating_sub(1)).unwrap_or(usize::MAX);
        Self::PAUSES_MS[nth.min(Self::PAUSES_MS.len() - 1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: u64 = 1_700_000_000_000;

    fn after(before: Option<&Refusal>, settings: &str, now_ms: u64) -> Refusal {
        Refusal::after(before, settings, "invalid_client", "no such app", now_ms)
    }

    #[test]
    fn each_refusal_in_a_row_keeps_livechat_from_being_called_for_longer() {
        let (mut before, mut pauses_s, mut now_ms) = (None, Vec::new(), NOW_MS);
        for times in 1..=6 {
            let refusal = after(before.as_ref(), "a", now_ms);
            assert_eq!(refusal.times, times);
            pauses_s.push((refusal.until_ms - now_ms) / 1000);
            // However long it took until somebody called again.
            now_ms = refusal.until_ms + times * 86_400_000;
            before = Some(refusal);
        }
        assert_eq!(pauses_s, [60, 120, 240, 300, 300, 300]);
        assert_eq!(u64::from(Refusal::FIRST_PAUSE_S), pauses_s[0]);
    }

    #[test]
    fn other_settings_have_not_been_refused_yet() {
        let refusal = after(Some(&after(None, "a", NOW_MS)), "a", NOW_MS);
        assert_eq!(refusal.times, 2);
        assert!(refusal.applies_to("a", NOW_MS) && !refusal.applies_to("b", NOW_MS));
        assert_eq!(after(Some(&refusal), "b", NOW_MS).times, 1);
    }

    #[test]
    fn a_refusal_ends_and_a_wrong_clock_makes_no_endless_one() {
        for (until_ms, applies) in [
            (0, false),
            (NOW_MS, false),
            (NOW_MS + 1, true),
            (NOW_MS + 300_000, true),
            (NOW_MS + 310_000, true),
            (NOW_MS + 310_001, false),
            (u64::MAX, false),
        ] {
            let refusal = Refusal { until_ms, ..after(None, "a", NOW_MS) };
            assert_eq!(refusal.applies_to("a", NOW_MS), applies, "{until_ms}");
        }
    }

    #[test]
    fn a_wrong_clock_starts_no_count_that_goes_on() {
        let of_next_year = after(Some(&after(None, "a", NOW_MS)), "a", NOW_MS + 31_536_000_000);
        assert_eq!(of_next_year.times, 2);
        assert_eq!(after(Some(&of_next_year), "a", NOW_MS).times, 1);
        // By the clock that is ahead all is as ever, and so it is by one that is behind.
        assert_eq!(after(Some(&of_next_year), "a", of_next_year.until_ms).times, 3);
        assert_eq!(after(Some(&after(None, "a", 0)), "a", NOW_MS).times, 2);
    }

    #[test]
    fn a_count_from_elsewhere_does_no_harm() {
        for (times, pause_ms) in [(0, 60_000), (4, 300_000), (u64::MAX, 300_000)] {
            let refusal = after(Some(&Refusal { times, ..after(None, "a", NOW_MS) }), "a", NOW_MS);
            assert_eq!((refusal.until_ms - NOW_MS, refusal.times), (pause_ms, times.saturating_add(1)));
        }
    }
}
