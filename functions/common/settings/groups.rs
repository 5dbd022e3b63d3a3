//! `GROUPS`: the LiveChat groups that callers may name.

use super::{ConfigError, Lookup};
use crate::{error::Error, identity::Group};
use std::sync::Arc;

/// The groups that callers may name: those of a list, or any. With a list, a number that a caller made up is refused without a call to
/// LiveChat, and without an item in the table.
#[derive(Clone, Debug, Default)]
pub struct Groups(Option<Arc<[Group]>>);

impl Groups {
    /// # Errors
    /// [`ConfigError`] for anything but a list of integers such as `0,3,7`.
    pub fn from_lookup(lookup: &Lookup) -> Result<Self, ConfigError> {
        const NAME: &str = "GROUPS";
        let Some(list) = lookup.optional(NAME) else { return Ok(Self::default()) };
        let groups: Result<Arc<[Group]>, _> = list.split(',').map(|group| Group::parse(group.trim())).collect();
        groups.map(|groups| Self(Some(groups))).map_err(|_| {
            ConfigError::invalid(NAME, "the numbers of LiveChat groups with commas between them, such as 0,3,7")
        })
    }

    /// Whether the site says that this group exists.
    pub fn lists(&self, group: Group) -> bool {
        self.0.as_ref().is_some_and(|groups| groups.contains(&group))
    }

    /// # Errors
    /// [`Error::UnknownGroup`] for a group that is not in the list, if there is one.
    pub fn check(&self, group: Option<Group>) -> Result<(), Error> {
        match group {
            Some(group) if self.0.is_some() && !self.lists(group) => Err(Error::UnknownGroup { refusal: None }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(list: &'static str) -> Result<Groups, ConfigError> {
        Groups::from_lookup(&Lookup::new(move |_| Some(list.to_owned())))
    }

    #[test]
    fn without_a_list_every_group_may_be_named() {
        let groups = read("").expect("no list");
        assert!(groups.check(Some(Group(7))).is_ok() && !groups.lists(Group(7)));
    }

    #[test]
    fn with_a_list_no_other_group_may_be_named() {
        let groups = read("0, 3,7").expect("a list");
        for group in [None, Some(Group(0)), Some(Group(3)), Some(Group(7))] {
            assert!(groups.check(group).is_ok() && group.is_none_or(|group| groups.lists(group)), "{group:?}");
        }
        assert_eq!(groups.check(Some(Group(4))), Err(Error::UnknownGroup { refusal: None }));
    }

    #[test]
    fn a_malformed_list_names_the_setting() {
        for list in ["3;7", "3,,7", "3,", "all", "-1", "03"] {
            assert!(read(list).expect_err("refused").to_string().contains("GROUPS"), "{list}");
        }
    }
}
