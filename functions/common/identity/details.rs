//! What agents see of a customer: name, e-mail and session fields, and what of it LiveChat has been sent.

use super::UnixMs;
use ring::hmac;
use serde_json::json;
use std::fmt;

/// Details of a user that a signer vouches for. They are personal data: not for logs. At least one is there.
#[derive(Clone, PartialEq, Eq)]
pub struct CustomerDetails {
    /// The name.
    pub name: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// Session fields, by key and value.
    pub fields: Vec<(String, String)>,
}

impl CustomerDetails {
    /// A hash of these details of this customer, with this key: 32 hexadecimal digits. The customer's id is part of it, so that two
    /// customers with the same details have different hashes; also the URL that the details are sent to, so that they are sent again
    /// after that was corrected.
    pub fn hash(&self, key: &hmac::Key, url: &str, entity_id: &str) -> String {
        // JSON, so that no two lists of values have the same hash.
        let all = json!([url, entity_id, self.name, self.email, self.fields]).to_string();
        hex::encode(&hmac::sign(key, all.as_bytes()).as_ref()[..16])
    }
}

impl fmt::Debug for CustomerDetails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CustomerDetails(…)")
    }
}

/// The latest update of a customer's details: claimed by one call before LiveChat was sent anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DetailsUpdate {
    /// LiveChat's id of the customer.
    pub entity_id: String,
    /// [`CustomerDetails::hash`] of what was sent.
    pub hash: String,
    /// No other update is sent before this time, whatever its result.
    pub again: UnixMs,
    /// How many updates in a row had no success, the one in progress included; 0 if LiveChat has accepted these details, or has refused
    /// what they contain. Other details do not end the row: two tokens of a user can have different ones.
    pub failures: u64,
}

impl DetailsUpdate {
    /// The time from one update of a customer to the next, in ms.
    const PAUSE_MS: u64 = 600_000;
    /// The same after many failures: a day.
    pub const LONGEST_PAUSE_MS: u64 = 86_400_000;

    /// The update that sends the details with this hash at `now`, after `latest`; `None` if it must not be sent, or not yet.
    pub fn due(latest: Option<&Self>, entity_id: &str, hash: String, now: UnixMs) -> Option<Self> {
        let latest = latest.filter(|latest| latest.entity_id == entity_id);
        let is_due = latest.is_none_or(|latest| !latest.waits(now) && (latest.hash != hash || latest.failures > 0));
        is_due.then(|| {
            let failures = latest.map_or(0, |latest| latest.failures);
            let pause_ms = Self::PAUSE_MS.saturating_mul(1 << failures.min(8)).min(Self::LONGEST_PAUSE_MS);
            Self { entity_id: entity_id.to_owned(), hash, again: now.plus_ms(pause_ms), failures: failures + 1 }
        })
    }

    /// A later time than the longest pause comes from a wrong clock.
    fn waits(&self, now: UnixMs) -> bool {
        self.again > now && self.again <= now.plus_ms(Self::LONGEST_PAUSE_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMs = UnixMs::new(1_700_000_000_000);

    fn first() -> DetailsUpdate {
        DetailsUpdate::due(None, "e1", "a".into(), NOW).expect("it is due")
    }

    fn due(latest: &DetailsUpdate, entity_id: &str, hash: &str, now: UnixMs) -> Option<DetailsUpdate> {
        DetailsUpdate::due(Some(latest), entity_id, hash.into(), now)
    }

    #[test]
    fn details_are_sent_once_for_a_customer_and_again_when_they_have_changed() {
        let first = first();
        assert_eq!((first.again, first.failures), (NOW.plus_ms(600_000), 1));
        let sent = DetailsUpdate { failures: 0, ..first };
        let later = sent.again;
        assert_eq!(due(&sent, "e1", "a", later), None);
        assert_eq!(due(&sent, "e1", "b", later.minus_ms(1)), None, "at most one call in ten minutes");
        assert_eq!(due(&sent, "e1", "b", later).map(|next| next.failures), Some(1));
        assert!(due(&sent, "e2", "a", NOW).is_some(), "another customer has none of them");
    }

    #[test]
    fn failures_are_repeated_more_and_more_rarely() {
        let mut update = first();
        let mut pauses = Vec::new();
        // Two tokens of the user have different details.
        for hash in ["a", "b"].into_iter().cycle().take(12) {
            let now = update.again;
            assert_eq!(due(&update, "e1", hash, now.minus_ms(1)), None);
            update = due(&update, "e1", hash, now).expect("it is due");
            pauses.push(update.again.ms_since(now) / 60_000);
        }
        assert_eq!(pauses, [20, 40, 80, 160, 320, 640, 1280, 1440, 1440, 1440, 1440, 1440]);
        let sent = DetailsUpdate { failures: 0, ..update };
        assert_eq!(due(&sent, "e1", "c", sent.again).map(|next| next.failures), Some(1));
    }

    #[test]
    fn a_wrong_clock_delays_no_update_for_more_than_a_day() {
        let first = first();
        let skewed = |ms| DetailsUpdate { again: NOW.plus_ms(ms), ..first.clone() };
        assert!(due(&skewed(86_400_000), "e1", "a", NOW).is_none());
        assert!(due(&skewed(86_400_001), "e1", "a", NOW).is_some());
    }

    #[test]
    fn each_detail_changes_the_hash_and_none_is_printed() {
        let key = |key: &str| hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
        let one = |name: Option<&str>, email: Option<&str>, fields: &[(&str, &str)]| CustomerDetails {
            name: name.map(str::to_owned),
            email: email.map(str::to_owned),
            fields: fields.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        };
        let all = [
            one(Some("a"), None, &[]),
            one(None, Some("a"), &[]),
            one(None, None, &[("a", "b")]),
            one(None, None, &[("ab", "")]),
            one(Some("a"), None, &[("a", "b")]),
        ];
        let hashes = all.iter().map(|details| details.hash(&key("k"), "u", "e"));
        let others = [("k", "u", "f"), ("k", "v", "e"), ("l", "u", "e")];
        let others = others.map(|(of, url, entity_id)| all[0].hash(&key(of), url, entity_id));
        assert_eq!(hashes.chain(others).collect::<std::collections::HashSet<_>>().len(), all.len() + 3);
        // printf %s '["u","e","a",null,[]]' | openssl dgst -sha256 -hmac k | cut -c 1-32
        assert_eq!(all[0].hash(&key("k"), "u", "e"), "9cb3231f22e75a3c18be0e7446d5360d");
        assert_eq!(format!("{:?}", all[0]), "CustomerDetails(…)");
    }
}
