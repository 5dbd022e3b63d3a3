//! The cookies of a renewal: opened before LiveChat is called, and sealed before they are stored.

use crate::{
    context::Context,
    identity::{Binding, Cookies, FormerIdentity, Identity, MaybeSealed, Sealed, Subject},
    renewal::{GrantType, StoreError, TokenRequest},
    sealing::{Seal, Sealer},
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
        let (sealer, is_sent) = (self.sealer, request.grant == GrantType::Cookie);
        let (seal, ()) = tokio::try_join!(sealer.seal(context), async {
            let Some(known) = &request.known else { return Ok(()) };
            if let Some(cookies) = &known.cookies {
                self.open(cookies, &known.entity_id, is_sent, context).await?;
            }
            for former in &known.former {
                if let Some(cookies) = &former.cookies {
                    self.open(cookies, &former.entity_id, false, context).await?;
                }
            }
            Ok(())
        })?;
        self.seal = Some(seal);
        let mut known = request.known.clone();
        if let Some(cookies) = known.as_mut().and_then(|known| known.cookies.as_mut()).filter(|_| is_sent)
            && let MaybeSealed::Sealed(sealed) = cookies
            && let Some(opened) = self.find(sealed)
        {
            *cookies = opened.clone().into();
        }
        Ok(known)
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
        let seal = self.seal.as_ref().ok_or_else(|| StoreError::Internal("there is no means to seal".into()))?;
        each(identity, |cookies, entity_id| {
            let binding = self.binding(entity_id);
            let opened = match &cookies {
                MaybeSealed::Open(open) => open,
                MaybeSealed::Sealed(sealed) => match self.find(sealed) {
                    Some(opened) if !self.sealer.is_current(&cookies, &binding) => opened,
                    _ if sealed.binding == binding => return Ok(cookies),
                    _ => return Err(StoreError::Internal("sealed cookies of another item were not opened".into())),
                },
            };
            seal.seal(opened.clone(), binding)
        })
    }

    /// A guest's identity, as it is stored for the user.
    pub(super) async fn moved(&self, identity: &Identity, context: &Context) -> Result<Identity, StoreError> {
        let seal = self.sealer.seal(context).await?;
        let former = identity.former.iter().filter_map(|former| former.cookies.as_ref());
        let mut opened = Vec::new();
        for cookies in identity.cookies.iter().chain(former) {
            opened.push(self.sealer.open(cookies, context).await?);
        }
        let mut opened = opened.into_iter();
        each(identity.clone(), |cookies, entity_id| match opened.next() {
            Some(open) => seal.seal(open, self.binding(entity_id)),
            None => Ok(cookies),
        })
    }

    fn binding(&self, entity_id: &str) -> Binding {
        cookies_binding(self.subject, entity_id)
    }

    fn find(&self, sealed: &Sealed) -> Option<&Cookies> {
        self.opened.iter().find(|(one, _)| one == sealed).map(|(_, opened)| opened)
    }
}

/// Replaces the cookies of the identity and of the former ones, in this order.
fn each(
    identity: Identity,
    mut replace: impl FnMut(MaybeSealed<Cookies>, &str) -> Result<MaybeSealed<Cookies>, StoreError>,
) -> Result<Identity, StoreError> {
    let Identity { entity_id, cookies, former, .. } = identity;
    let cookies = cookies.map(|cookies| replace(cookies, &entity_id)).transpose()?;
    let one = |FormerIdentity { entity_id, cookies, until }| {
        let cookies = cookies.map(|cookies| replace(cookies, &entity_id)).transpose()?;
        Ok(FormerIdentity { entity_id, cookies, until })
    };
    let former = former.into_iter().map(one).collect::<Result<_, _>>()?;
    Ok(Identity { entity_id, cookies, former, ..identity })
}
