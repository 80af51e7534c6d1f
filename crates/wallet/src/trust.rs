//! Whose credentials a wallet takes: those of issuers that the provider's trust list accredits, and those under roots of
//! others that the person added.
//!
//! The wallet asks for the list itself and believes no issuer on its own word: an issuer that is not accredited for the
//! type, whose accreditation has run out or whose agency was dissolved is refused here as every verifier refuses it.

use credential::trust::{Anchor, MAX_LIST, Registrar, TrustList, TrustListError, TrustSource, TrustedRoots};
use credential::types::Bilingual;
use credential::verify::Refusal;
use keys::PublicKey;
use keys::encoding::b64url_encode;
use keys::x509::Certificate;
use openid::form::Form;

use crate::account::messages::{Accreditation, RegistrarKeys};
use crate::ports::{Clock as _, Http as _, HttpError, Request, Shell};
use crate::wallet::{OpenError, Wallet};

/// For how long a list is used before a newer one is asked for, in seconds: as often as it is signed anew.
const FRESH_S: i64 = 300;

/// There is no trust list that could be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// No answer.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The server has none.
    #[error("the trust list is answered with status {0}")]
    Status(u16),
    /// It came, and does not hold.
    #[error(transparent)]
    List(#[from] TrustListError),
    /// The registrar that was pinned at the enrolment is none.
    #[error("the registrar that this wallet knows is none")]
    Registrar,
    /// The vault failed.
    #[error(transparent)]
    Vault(#[from] OpenError),
}

impl TrustError {
    /// Whether it may be there later.
    pub fn is_away(&self) -> bool {
        matches!(self, Self::Http(_) | Self::Status(429 | 500..))
    }
}

/// What a wallet believes of issuers.
pub(crate) struct HolderTrust {
    list: Option<TrustList>,
    others: TrustedRoots,
}

impl HolderTrust {
    /// Judges a credential: the list decides under its own roots, and roots of others count for what is under none of
    /// these.
    pub(crate) fn judge<V>(
        &self,
        mut check: impl FnMut(&dyn TrustSource) -> Result<V, Refusal>,
    ) -> Result<V, Refusal> {
        match self.list.as_ref().map(|list| check(list)) {
            Some(Err(Refusal::IssuerChain)) | None => check(&self.others),
            Some(judged) => judged,
        }
    }
}

impl<S: Shell> Wallet<S> {
    /// What this wallet believes of whoever issues these types, with the list that `list` is.
    pub(crate) fn holder_trust(
        &self,
        list: Option<TrustList>,
        name: &str,
        types: Vec<String>,
    ) -> HolderTrust {
        let mut anchors = self.anchors();
        if let Some(list) = &list {
            // A list that leaves its provider's root out must not be a way around it.
            anchors.retain(|anchor| {
                !self.is_of_provider(anchor) && list.roots().iter().all(|root| root.der() != anchor.der())
            });
        }
        let name = Bilingual { ko: name.to_owned(), en: name.to_owned() };
        HolderTrust { list, others: TrustedRoots::new(anchors, name, types) }
    }

    /// The part of the provider's trust list that is about an issuer; `None` where the provider has none. The newest
    /// version is remembered.
    pub(crate) async fn accredited(&mut self, issuer: &str) -> Result<Option<TrustList>, TrustError> {
        let list = self.trust_list(issuer).await?;
        if let Some(list) = &list
            && list.version() > self.state().trust_list_seen
        {
            let version = list.version();
            self.update(|state| state.trust_list_seen = version).await?;
        }
        self.keep_list(issuer, list.as_ref());
        Ok(list)
    }

    /// The same, for who changes nothing.
    pub(crate) async fn trust_list(&self, issuer: &str) -> Result<Option<TrustList>, TrustError> {
        let Some(accreditation) = &self.state().accreditation else { return Ok(None) };
        let now = self.shell().clock().now_s();
        if let Some(list) = self.kept_list(issuer)
            && (list.issued_at()..list.issued_at().saturating_add(FRESH_S)).contains(&now)
        {
            return Ok(Some(list.clone()));
        }
        // A provider that does not know the question sends the whole list, which is as good.
        let query = Form::default().with("issuer", issuer).encode();
        let address = format!("{}?{query}", accreditation.trust_list);
        let request = Request { max_response: MAX_LIST, ..Request::get(address) };
        let response = self.shell().http().send(request).await?;
        if !response.is_success() {
            return Err(TrustError::Status(response.status));
        }
        let text = core::str::from_utf8(&response.body).map_err(|_| TrustListError::Malformed)?;
        // Roots that the person added certify nobody's trust list.
        let mut anchors = self.anchors();
        anchors.retain(|anchor| self.is_of_provider(anchor));
        read(text, accreditation, &anchors, self.state().trust_list_seen, now).map(Some)
    }

    fn is_of_provider(&self, anchor: &Certificate) -> bool {
        self.state().provider_roots.contains(&b64url_encode(anchor.der()))
    }
}

/// The entries that count, for who pinned these roots and this registrar.
fn read(
    text: &str,
    accreditation: &Accreditation,
    anchors: &[Certificate],
    seen: u64,
    now: i64,
) -> Result<TrustList, TrustError> {
    let list = TrustList::verify(text.trim(), Anchor::Roots(anchors), seen, now)?;
    match &accreditation.registrar {
        None => Ok(list),
        Some(keys) => Ok(list.vouched(&registrar(keys).ok_or(TrustError::Registrar)?, None).0),
    }
}

fn registrar(keys: &RegistrarKeys) -> Option<Registrar> {
    let members: Result<Vec<PublicKey>, _> = keys.members.iter().map(PublicKey::from_jwk).collect();
    Registrar::new(members.ok()?, keys.needed)
}

#[cfg(test)]
mod tests {
    use credential::trust::{KeyState, Statement, TrustEntry};
    use keys::SecretKey;
    use keys::x509::Kind;

    use super::*;
    use crate::fixture::{Certified, NOW, World, phone, run};

    fn entry(statement: Option<String>) -> TrustEntry {
        TrustEntry {
            issuer: "https://issuer.example".to_owned(),
            name: Bilingual { ko: "예시부".to_owned(), en: "Example Ministry".to_owned() },
            jkt: "k".to_owned(),
            vcts: vec!["https://issuer.example/badge".to_owned()],
            from: NOW,
            until: Some(NOW + 1_000),
            state: KeyState::Active,
            statement,
        }
    }

    #[test]
    fn an_entry_without_the_word_of_the_pinned_registrar_does_not_count_and_no_list_is_older_than_one_seen() {
        let signer = Certified::new(Kind::TrustList);
        let members = [SecretKey::generate(), SecretKey::generate(), SecretKey::generate()];
        let said = |by: &[SecretKey]| {
            let statement = Statement {
                sub: "did:mapae:test:9900001".to_owned(),
                issuer: "https://issuer.example".to_owned(),
                name: entry(None).name,
                jkt: "k".to_owned(),
                vct: "https://issuer.example/badge".to_owned(),
                from: NOW,
                until: NOW + 1_000,
            };
            by.iter().map(|member| statement.sign(member).unwrap()).collect::<Vec<_>>().join(" ")
        };
        let list = |statement| {
            let roots = vec![signer.root.clone()];
            let entries = vec![entry(statement)];
            let list = TrustList::new("https://p.example".into(), 7, (NOW, NOW + 900), roots, entries);
            list.unwrap().sign("t", &signer.x5c, &signer.key).unwrap()
        };
        let registrar = |needed| RegistrarKeys {
            members: members.iter().map(|member| member.public_key().to_jwk()).collect(),
            needed,
        };
        let pinned =
            |registrar| Accreditation { trust_list: "https://p.example/trust-list".into(), registrar };
        let roots = [signer.root.clone()];
        let entries = |text: &str, registrar, seen| {
            read(text, &pinned(registrar), &roots, seen, NOW).map(|list| list.entries().len())
        };

        let forged = list(None);
        assert_eq!(entries(&forged, Some(registrar(2)), 0), Ok(0));
        assert_eq!(entries(&list(Some(said(&members[..1]))), Some(registrar(2)), 0), Ok(0));
        assert_eq!(entries(&list(Some(said(&members[1..]))), Some(registrar(2)), 7), Ok(1));
        assert_eq!(entries(&forged, None, 7), Ok(1), "where no ledger stands behind the list");
        assert_eq!(entries(&forged, None, 8), Err(TrustListError::RolledBack.into()));
        assert_eq!(entries(&forged, Some(registrar(4)), 0), Err(TrustError::Registrar));
        let other = Certified::new(Kind::TrustList);
        let untrusted = read(&forged, &pinned(None), &[other.root], 0, NOW).map(|_| ());
        assert_eq!(untrusted, Err(TrustListError::Untrusted.into()));
    }

    #[test]
    fn a_list_that_leaves_its_providers_root_out_is_no_way_around_it() {
        let (provider, other) = (Certified::new(Kind::TrustList), Certified::new(Kind::Issuer));
        let mut wallet = phone(&World::new(|_| Err(HttpError::Unreachable)), &provider.root);
        run(wallet.trust(&[other.root.der().to_vec()])).unwrap();
        run(wallet.update(|state| state.provider_roots = vec![b64url_encode(provider.root.der())])).unwrap();
        let list =
            |roots| TrustList::new("https://p.example".into(), 1, (NOW, NOW + 900), roots, vec![]).ok();
        let refused = |list| {
            let mut asked = Vec::new();
            let trust = wallet.holder_trust(list, "p", vec![]);
            let judged = trust.judge(|source| {
                asked.push(source.roots().iter().map(|root| root.der().to_vec()).collect::<Vec<_>>());
                Err::<(), _>(Refusal::IssuerChain)
            });
            assert_eq!(judged, Err(Refusal::IssuerChain));
            asked
        };
        let added = vec![other.root.der().to_vec()];
        assert_eq!(refused(list(vec![])), [vec![], added.clone()]);
        assert_eq!(refused(list(vec![provider.root.clone()])), [vec![provider.root.der().to_vec()], added]);
        assert_eq!(refused(None)[0].len(), 2, "without a network the roots have to do");
    }

    #[test]
    fn what_may_come_later_is_told_from_what_never_holds() {
        assert!(TrustError::Status(503).is_away() && TrustError::Http(HttpError::Unreachable).is_away());
        assert!(!TrustError::Status(404).is_away() && !TrustError::Registrar.is_away());
        assert!(!TrustError::List(TrustListError::RolledBack).is_away());
    }
}
