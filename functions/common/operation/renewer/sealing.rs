//! The cookies of a renewal: opened before LiveChat is called, and sealed before they are stored.

use crate::{
    context::Context,
    identity::{Binding, Cookies, FormerIdentity, Identity, MaybeSealed, Sealed, Subject},
    renewal::{GrantType, StoreError, TokenRequest, time_limits::ATTEMPT_TIMEOUT},
    sealing::{Seal, Sealer, is_lasting},
    store::cookies_binding,
};

/// Opens and seals the cookies of one call.
pub(super) struct Sealing<'a> {
    sealer: &'a Sealer,
    subject: &'a Subject,
    /// Got before LiveChat is called, so that what it issues can always be stored.
    seal: Option<Seal>,
    /// What has been opened so far.
    opened: Vec<(Sealed, Cookies)>,
}

impl<'a> Sealing<'a> {
    pub(super) fn new(sealer: &'a Sealer, subject: &'a Subject) -> Self {
        Self { sealer, subject, seal: None, opened: Vec::new() }
    }

    /// Gets everything ready for this request: the means to seal, and the customer with open cookies if they are sent. Cookies that are to
    /// be stored in another way, as the settings have changed or as they were a guest's, are opened too.
    ///
    /// # Errors
    /// If LiveChat must not be called.
    pub(super) async fn prepare(
        &mut self,
        request: &TokenRequest,
        context: &Context,
    ) -> Result<Option<Identity>, StoreError> {
        let is_sent = request.grant == GrantType::Cookie;
        self.get_ready(request.known.as_ref(), is_sent, context).await?;
        let mut known = request.known.clone();
        if let Some(cookies) = known.as_mut().and_then(|known| known.cookies.as_mut()).filter(|_| is_sent)
            && let MaybeSealed::Sealed(sealed) = cookies
            && let Some(opened) = self.find(sealed)
        {
            *cookies = opened.clone().into();
        }
        Ok(known)
    }

    /// A guest's identity, as it is stored for the user.
    ///
    /// # Errors
    /// If its cookies cannot be opened, or not be sealed. Those of former customers are dropped instead if AWS KMS refuses to decrypt
    /// them, or they are damaged.
    pub(super) async fn moved(&mut self, identity: &Identity, context: &Context) -> Result<Identity, StoreError> {
        self.get_ready(Some(identity), false, context).await?;
        self.sealed(identity.clone())
    }

    async fn get_ready(
        &mut self,
        known: Option<&Identity>,
        is_sent: bool,
        context: &Context,
    ) -> Result<(), StoreError> {
        let sealer = self.sealer;
        let ready = tokio::try_join!(sealer.seal(context), async {
            match known {
                Some(known) => self.open_all(known, is_sent, context).await,
                None => Ok(()),
            }
        });
        if let Err(StoreError::KmsRefused(_)) = ready {
            context.metrics.kms_refusals.set_to_one();
        }
        self.seal = Some(ready?.0);
        Ok(())
    }

    async fn open_all(&mut self, known: &Identity, is_sent: bool, context: &Context) -> Result<(), StoreError> {
        if let Some(cookies) = &known.cookies {
            self.open(cookies, &known.entity_id, is_sent, context).await?;
        }
        // They are not sent, so they must not use up LiveChat's time.
        let spare = context.minus(ATTEMPT_TIMEOUT);
        for former in &known.former {
            let Some(cookies) = &former.cookies else { continue };
            match self.open(cookies, &former.entity_id, false, &spare).await {
                Err(error) if is_lasting(&error) => {
                    tracing::warn!(cause = %error, "a former customer's cookies cannot be moved and are dropped");
                }
                result => result?,
            }
        }
        Ok(())
    }

    /// Opens these cookies of the customer `entity_id`, if they are sealed and must be opened.
    async fn open(
        &mut self,
        cookies: &MaybeSealed<Cookies>,
        entity_id: &str,
        is_sent: bool,
        context: &Context,
    ) -> Result<(), StoreError> {
        let MaybeSealed::Sealed(sealed) = cookies else { return Ok(()) };
        let binding = self.binding(entity_id);
        let can_stay = !is_sent && sealed.binding == binding;
        if (can_stay && self.sealer.is_current(cookies, &binding)) || self.find(sealed).is_some() {
            return Ok(());
        }
        match self.sealer.open(cookies, context).await {
            Ok(opened) => self.opened.push((sealed.clone(), opened)),
            Err(error) if can_stay => tracing::warn!(cause = %error, "cookies stay sealed with another key"),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// The identity as it is stored. No request: LiveChat has issued what is in it.
    pub(super) fn sealed(&self, identity: Identity) -> Result<Identity, StoreError> {
        let not_opened = || StoreError::Internal("sealed cookies of another item were not opened".into());
        let cookies = match identity.cookies {
            Some(cookies) => Some(self.seal(cookies, &identity.entity_id)?.ok_or_else(not_opened)?),
            None => None,
        };
        let seal_former = |former: FormerIdentity| {
            let cookies = former.cookies.map(|cookies| self.seal(cookies, &former.entity_id)).transpose()?.flatten();
            Ok(FormerIdentity { cookies, ..former })
        };
        let former = identity.former.into_iter().map(seal_former).collect::<Result<_, StoreError>>()?;
        Ok(Identity { cookies, former, ..identity })
    }

    /// The cookies of the customer `entity_id` as they are stored; `None` if they are another item's and were not opened.
    fn seal(&self, cookies: MaybeSealed<Cookies>, entity_id: &str) -> Result<Option<MaybeSealed<Cookies>>, StoreError> {
        let seal = self.seal.as_ref().ok_or_else(|| StoreError::Internal("there is no means to seal".into()))?;
        let binding = self.binding(entity_id);
        let opened = match &cookies {
            MaybeSealed::Open(open) => open,
            MaybeSealed::Sealed(sealed) => match self.find(sealed) {
                Some(opened) if !self.sealer.is_current(&cookies, &binding) => opened,
                _ => return Ok((sealed.binding == binding).then_some(cookies)),
            },
        };
        seal.seal(opened.clone(), binding).map(Some)
    }

    fn binding(&self, entity_id: &str) -> Binding {
        cookies_binding(self.subject, entity_id)
    }

    fn find(&self, sealed: &Sealed) -> Option<&Cookies> {
        self.opened.iter().find(|(one, _)| one == sealed).map(|(_, opened)| opened)
    }
}
