//! `GROUPS`: the LiveChat groups that callers may name.

use super::{ConfigError, Lookup};
use crate::identity::Group;
use std::sync::Arc;

/// The groups that callers may name: those of a list, or any. With a list, an invented number is refused without a call to LiveChat,
/// and without an item in the table.
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

    /// Whether a caller may name this group: there is no list, or the group is in it.
    pub fn allow(&self, group: Group) -> bool {
        self.0.is_none() || self.lists(group)
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
        assert!(groups.allow(Group(7)) && !groups.lists(Group(7)));
    }

    #[test]
    fn with_a_list_no_other_group_may_be_named() {
        let groups = read("0, 3,7").expect("a list");
        for group in [Group(0), Group(3), Group(7)] {
            assert!(groups.allow(group) && groups.lists(group), "{group:?}");
        }
        assert!(!groups.allow(Group(4)) && !groups.lists(Group(4)));
    }

    #[test]
    fn a_malformed_list_names_the_setting() {
        for list in ["3;7", "3,,7", "3,", "all", "-1", "03"] {
            assert!(read(list).expect_err("refused").to_string().contains("GROUPS"), "{list}");
        }
    }
}
