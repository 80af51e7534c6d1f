//! Why nothing was asked for, approved or changed, with a stable code each.

use http::StatusCode;

use crate::login::registration::SettingsError;
use crate::operations::problem::Problem;
use crate::operations::store::StoreError;
use crate::personnel::PersonnelError;
use crate::verification::relying_party::RegistrationError;

/// Why a desk of relying parties does nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum PartyError {
    #[error("there is no such relying party or request")]
    Unknown,
    #[error("the duty is missing")]
    Forbidden,
    #[error("the second of the two has to be another person")]
    SamePerson,
    #[error("the registration is no longer the one that was seen")]
    Changed,
    #[error("something waits for approval already")]
    Asked,
    #[error("too much waits")]
    TooMany,
    #[error("the platform's own client is not registered by hand")]
    System,
    #[error("a reason is needed")]
    NoReason,
    #[error("it is disabled already")]
    Disabled,
    #[error("the secrets before the newest still work, or there are none")]
    Overlap,
    #[error("no old secrets work any more")]
    NoOverlap,
    #[error("a number, address or choice of the form can't be read")]
    Form(&'static str),
    #[error("no purpose is given for {0}")]
    Purpose(String),
    #[error("the operator has no network of the name {0}")]
    Network(String),
    #[error("a test has no key for the verification API")]
    TestApi,
    #[error("what is in use does not become a test")]
    TestBack,
    #[error(transparent)]
    Registration(#[from] RegistrationError),
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Personnel(#[from] PersonnelError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("a stored proposal can't be read: {0}")]
    Damaged(String),
}

impl From<PartyError> for Problem {
    fn from(error: PartyError) -> Self {
        let refuse = |code| Self::new(StatusCode::UNPROCESSABLE_ENTITY, code);
        let conflict = |code| Self::new(StatusCode::CONFLICT, code);
        match error {
            PartyError::Unknown => Self::new(StatusCode::NOT_FOUND, "party_unknown"),
            PartyError::Forbidden => Self::new(StatusCode::FORBIDDEN, "forbidden"),
            PartyError::SamePerson => Self::new(StatusCode::FORBIDDEN, "party_same_person"),
            PartyError::System => Self::new(StatusCode::FORBIDDEN, "party_system"),
            PartyError::Changed => conflict("party_changed"),
            PartyError::Asked => conflict("party_asked"),
            PartyError::TooMany => conflict("party_too_many"),
            PartyError::Disabled => conflict("party_disabled"),
            PartyError::Overlap => conflict("party_overlap"),
            PartyError::NoOverlap => conflict("party_no_overlap"),
            PartyError::NoReason => refuse("application_no_reason"),
            PartyError::Form(field) => refuse("party_form").with("field", field),
            PartyError::Purpose(claim) => refuse("party_purpose").with("claim", claim),
            PartyError::Network(network) => refuse("party_network").with("network", network),
            PartyError::TestApi => refuse("party_test_api"),
            PartyError::TestBack => refuse("party_test_back"),
            PartyError::Registration(error) => match error {
                RegistrationError::Id => refuse("party_id"),
                RegistrationError::Name => refuse("party_name"),
                RegistrationError::Redirect(uri) => refuse("party_redirect").with("uri", uri),
                RegistrationError::TooManyRedirects(most) => refuse("party_redirects").with("most", most),
                RegistrationError::Claim(claim) => refuse("party_claim").with("claim", claim),
                RegistrationError::Sector => refuse("party_sector"),
                RegistrationError::Taken => conflict("party_taken"),
                RegistrationError::Store(error) => error.into(),
            },
            PartyError::Settings(error) => match error {
                SettingsError::Keys => refuse("party_keys"),
                SettingsError::Address(uri) => refuse("party_address").with("uri", uri),
                SettingsError::Session => refuse("party_session"),
                SettingsError::Fapi2(_) => refuse("party_fapi2"),
                SettingsError::Introspection => refuse("party_introspection"),
                SettingsError::TooMany => refuse("party_list"),
                SettingsError::Store(error) => error.into(),
            },
            PartyError::Personnel(error) => error.into(),
            PartyError::Store(error) => error.into(),
            PartyError::Damaged(cause) => Self::internal(cause),
        }
    }
}
