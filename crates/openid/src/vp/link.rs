//! The link or QR code that starts a presentation (OpenID4VP 1.0 §5.4, §5.7, §13.1).

use keys::encoding;
use url::Url;

use crate::error::{Code, OAuthError};
use crate::form::Form;
use crate::{jwt, link};

/// Schemes read as authorization requests; `haip-vp` is HAIP 1.0 §5.1, `eudi-openid4vp` is in the field, `bmc` is what apps of
/// Korean government systems open.
const SCHEMES: [&str; 6] = ["openid4vp", "haip-vp", "eudi-openid4vp", "mdoc-openid4vp", "bmc", "https"];
/// Longest link, in bytes; one with a whole request in it is long.
const MAX_LINK: usize = 64 * 1024;

/// An authorization request as a wallet receives it: nothing in it is to be believed before it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestLink {
    /// The request object is to be fetched.
    ByReference {
        /// `client_id` of the link; the fetched request must repeat it (§5.10.1).
        client_id: String,
        /// Where.
        request_uri: String,
        /// How.
        method: FetchMethod,
    },
    /// The signed request object is in the link.
    ByValue {
        /// `client_id` of the link.
        client_id: String,
        /// The signed request object.
        request: String,
    },
    /// The parameters stand in the link, unsigned.
    Unsigned(Form),
}

/// How a request object is fetched (§5.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchMethod {
    /// GET.
    Get,
    /// POST with `wallet_nonce`.
    Post,
}

/// What the wallet remembers of its fetch until it verifies the request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fetched<'a> {
    /// `client_id` of the link.
    pub client_id: &'a str,
    /// The nonce sent with a POST.
    pub wallet_nonce: Option<&'a str>,
}

impl RequestLink {
    /// Reads a link of any of the known schemes.
    ///
    /// # Errors
    /// `invalid_request` for anything else or beyond the bounds, `invalid_request_uri_method` for another method.
    pub fn parse(text: &str) -> Result<RequestLink, OAuthError> {
        let refused = |why| OAuthError::new(Code::InvalidRequest, why);
        if text.len() > MAX_LINK {
            return Err(refused("the link is too long"));
        }
        let url = Url::parse(text.trim()).map_err(|_| refused("not a link"))?;
        let http_here = url.scheme() == "http" && link::is_loopback(&url);
        if !SCHEMES.contains(&url.scheme()) && !http_here {
            return Err(refused("not a presentation link"));
        }
        let form = Form::parse(url.query().unwrap_or_default().as_bytes())?;
        let client_id = form.require("client_id")?.to_owned();
        let method = match form.get("request_uri_method") {
            None | Some("get") => FetchMethod::Get,
            Some("post") => FetchMethod::Post,
            Some(_) => return Err(OAuthError::new(Code::InvalidRequestUriMethod, "neither get nor post")),
        };
        match (form.get("request_uri"), form.get("request")) {
            (Some(uri), None) => {
                link::endpoint(uri).map_err(|_| refused("request_uri is not an https address"))?;
                Ok(RequestLink::ByReference { client_id, request_uri: uri.to_owned(), method })
            }
            (None, _) if form.get("request_uri_method").is_some() => {
                Err(refused("request_uri_method without request_uri"))
            }
            (None, Some(request)) if request.len() <= jwt::LONG => {
                Ok(RequestLink::ByValue { client_id, request: request.to_owned() })
            }
            (None, None) => Ok(RequestLink::Unsigned(form)),
            _ => Err(refused("request and request_uri exclude each other")),
        }
    }

    /// The link for a QR code or button; pass the scheme (`openid4vp`) or a wallet's https address.
    #[must_use]
    pub fn to_link(&self, scheme_or_address: &str) -> String {
        let form = match self {
            RequestLink::ByReference { client_id, request_uri, method } => {
                let form = Form::default().with("client_id", client_id).with("request_uri", request_uri);
                if *method == FetchMethod::Post { form.with("request_uri_method", "post") } else { form }
            }
            RequestLink::ByValue { client_id, request } => {
                Form::default().with("client_id", client_id).with("request", request)
            }
            RequestLink::Unsigned(form) => form.clone(),
        };
        if scheme_or_address.contains("://") {
            link::with_query(scheme_or_address, &form)
        } else {
            format!("{scheme_or_address}://?{}", form.encode())
        }
    }
}

impl FetchMethod {
    /// The body of a POST fetch, with what this wallet can do and a fresh nonce of its own (§5.10).
    #[must_use]
    pub fn post_body(wallet_nonce: &str) -> String {
        let metadata = serde_json::json!({
            "vp_formats_supported": super::VpFormats::ours(),
            "client_id_prefixes_supported":
                ["x509_hash", "x509_san_dns", "decentralized_identifier", "redirect_uri"],
            "request_object_signing_alg_values_supported": ["ES256"],
            "authorization_encryption_alg_values_supported": ["ECDH-ES"],
            "authorization_encryption_enc_values_supported": ["A128GCM", "A256GCM"],
        });
        Form::default()
            .with("wallet_metadata", &metadata.to_string())
            .with("wallet_nonce", wallet_nonce)
            .encode()
    }

    /// The `wallet_nonce` of a POST fetch as the verifier receives it. What the wallet tells of itself is read and, where
    /// it speaks none of our formats, answered with a refusal; parameters that nobody knows are passed over (§5.10).
    ///
    /// # Errors
    /// `invalid_request` if the body is no bounded form, the nonce is too long or has foreign characters, or the metadata
    /// is no JSON object of its shape; `vp_formats_not_supported` if the wallet speaks none of our formats.
    pub fn read_wallet_nonce(body: &[u8]) -> Result<Option<String>, OAuthError> {
        #[derive(serde::Deserialize)]
        struct WalletMetadata {
            #[serde(default)]
            vp_formats_supported: Option<super::VpFormats>,
        }
        let form = Form::parse(body)?;
        if let Some(metadata) = form.get("wallet_metadata") {
            let WalletMetadata { vp_formats_supported } =
                crate::json::parse(metadata.as_bytes(), crate::json::SMALL)?;
            let ours =
                |formats: &super::VpFormats| ["dc+sd-jwt", "mso_mdoc"].iter().any(|f| formats.takes(f));
            if vp_formats_supported.is_some_and(|formats| !ours(&formats)) {
                return Err(OAuthError::new(Code::VpFormatsNotSupported, "no format of ours"));
            }
        }
        let Some(nonce) = form.get("wallet_nonce") else { return Ok(None) };
        if nonce.len() > 512 || !nonce.bytes().all(|b| matches!(b, 0x21..=0x7e)) {
            return Err(OAuthError::new(
                Code::InvalidRequest,
                "wallet_nonce is too long or has foreign characters",
            ));
        }
        Ok(Some(nonce.to_owned()))
    }

    /// A fresh `wallet_nonce`.
    #[must_use]
    pub fn fresh_wallet_nonce() -> String {
        encoding::b64url_encode(&keys::random::bytes::<24>())
    }
}
