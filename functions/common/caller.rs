//! Who is calling. The only place that decides whose token a request is about.

use crate::{
    error::Error,
    identity::{Group, Subject, UserId},
};

/// How callers are verified: `AUTH`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    /// Not at all: a caller is whoever the path says. For trying things out, and behind a gateway that verifies.
    None,
}

impl Auth {
    /// The subject of a request: `in_path` is the `{user}` of its path.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] when nothing says who the user is.
    pub fn subject(self, in_path: Option<UserId>, group: Option<Group>) -> Result<Subject, Error> {
        match self {
            Self::None => {
                let user = in_path.ok_or_else(|| {
                    Error::InvalidRequest(
                        "The request does not say which user it is for: with AUTH=none the path must end in \
                         /{user}, such as /getToken/4711."
                            .into(),
                    )
                })?;
                Ok(Subject { user, group })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_verification_the_path_says_who_it_is() {
        let user = UserId::parse("alice").expect("a good id");
        let subject = Auth::None.subject(Some(user.clone()), Some(Group(3))).expect("a subject");
        assert_eq!(subject, Subject { user, group: Some(Group(3)) });
        assert!(matches!(Auth::None.subject(None, None), Err(Error::InvalidRequest(_))));
    }
}
