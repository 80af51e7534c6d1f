//! Why a signature is refused, in stable codes and in words.

use super::Change;
use crate::cms::CmsError;
use crate::pdf::PdfError;
use crate::revocation::Reason;
use crate::time::rfc3339;
use crate::tsp::TimestampError;

/// What is said of a document or a signature, from the best to the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// 진본: signed by who it says, unchanged, under a trusted authority.
    Genuine,
    /// 확인 불가: something needed for the answer is missing here.
    Unknown,
    /// 발급기관 미확인: whoever signed is not known to a trusted authority.
    UnknownIssuer,
    /// 기간 지남: the certificate was not valid at that time.
    OutOfTime,
    /// 철회: the certificate was revoked at that time.
    Revoked,
    /// 변조: not what was signed.
    Altered,
}

/// In which language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// 한국어.
    Korean,
    /// English.
    English,
}

/// One reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The file cannot be read as a PDF.
    Pdf(PdfError),
    /// Nothing is signed.
    NotSigned,
    /// The byte range leaves out more than the signature itself, or does not begin at the first byte.
    ByteRange,
    /// The signature itself is refused.
    Signature(CmsError),
    /// It is no signature of the kind of its dictionary.
    Kind,
    /// What followed it changed the document.
    Changed(Change),
    /// Further signatures were forbidden by it.
    Forbidden,
    /// Its timestamp is refused.
    Timestamp(TimestampError),
    /// Its timestamp is by nobody that is trusted.
    TimestampUntrusted,
    /// No trusted authority issued the certificate.
    Untrusted,
    /// The certificate may not sign documents.
    WrongPurpose,
    /// The certificate had not begun at that time.
    NotYetValid(i64),
    /// The certificate had ended at that time.
    Expired(i64),
    /// A certificate was revoked by then.
    Revoked(i64, Reason),
    /// Nothing tells whether a certificate was revoked.
    RevocationUnknown,
}

impl Finding {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Pdf(error) => error.code(),
            Self::NotSigned => "not_signed",
            Self::ByteRange => "byte_range",
            Self::Signature(CmsError::TooLarge) => "signature_too_large",
            Self::Signature(CmsError::Malformed) => "signature_malformed",
            Self::Signature(CmsError::Unsupported) => "signature_algorithm",
            Self::Signature(CmsError::SignerMissing) => "signer_missing",
            Self::Signature(CmsError::NoCertificateReference) => "no_certificate_reference",
            Self::Signature(CmsError::OtherCertificate) => "other_certificate",
            Self::Signature(CmsError::OtherContent) => "other_content",
            Self::Signature(CmsError::BadSignature) => "bad_signature",
            Self::Kind => "signature_kind",
            Self::Changed(Change::PageContent) => "changed_page_content",
            Self::Changed(Change::Pages) => "changed_pages",
            Self::Changed(Change::Annotation) => "changed_annotation",
            Self::Changed(Change::FormValue) => "changed_form_value",
            Self::Changed(Change::Action) => "changed_action",
            Self::Changed(Change::Hidden) => "changed_hidden",
            Self::Changed(Change::Other) => "changed_other",
            Self::Changed(Change::History) => "changed_history",
            Self::Forbidden => "signature_forbidden",
            Self::Timestamp(_) => "timestamp_refused",
            Self::TimestampUntrusted => "timestamp_untrusted",
            Self::Untrusted => "untrusted_issuer",
            Self::WrongPurpose => "wrong_purpose",
            Self::NotYetValid(_) => "not_yet_valid",
            Self::Expired(_) => "expired",
            Self::Revoked(..) => "revoked",
            Self::RevocationUnknown => "revocation_unknown",
        }
    }

    /// What follows from it.
    pub const fn verdict(&self) -> Verdict {
        match self {
            Self::Pdf(PdfError::Malformed(..)) | Self::ByteRange | Self::Changed(_) | Self::Forbidden => {
                Verdict::Altered
            }
            Self::Signature(error) | Self::Timestamp(TimestampError::Signature(error)) => match error {
                CmsError::Unsupported | CmsError::TooLarge => Verdict::Unknown,
                _ => Verdict::Altered,
            },
            Self::Pdf(_) | Self::NotSigned | Self::RevocationUnknown => Verdict::Unknown,
            Self::Timestamp(TimestampError::WrongPurpose)
            | Self::TimestampUntrusted
            | Self::Untrusted
            | Self::WrongPurpose => Verdict::UnknownIssuer,
            Self::Timestamp(_) | Self::Kind => Verdict::Altered,
            Self::NotYetValid(_) | Self::Expired(_) => Verdict::OutOfTime,
            Self::Revoked(..) => Verdict::Revoked,
        }
    }

    /// One sentence for a person.
    pub fn text(&self, language: Language) -> String {
        match language {
            Language::Korean => self.korean(),
            Language::English => self.english(),
        }
    }

    fn korean(&self) -> String {
        let text = match self {
            Self::Pdf(PdfError::Encrypted) => "암호가 걸린 PDF입니다. 암호를 푼 파일로 다시 확인하세요.",
            Self::Pdf(PdfError::TooLarge) => "파일이 너무 커서 확인하지 않았습니다.",
            Self::Pdf(PdfError::NotPdf) => "PDF 파일이 아닙니다.",
            Self::Pdf(PdfError::Malformed(..)) => "PDF의 구조가 깨졌거나 두 가지로 읽힐 수 있습니다.",
            Self::Pdf(_) => "이 확인기가 읽지 않는 형식의 PDF입니다.",
            Self::NotSigned => "전자서명이 없는 문서입니다.",
            Self::ByteRange => "서명이 문서 전체를 덮지 않습니다.",
            Self::Signature(CmsError::OtherContent) => "서명한 뒤 내용이 바뀌었습니다.",
            Self::Signature(CmsError::BadSignature) => "서명값이 맞지 않습니다.",
            Self::Signature(CmsError::Unsupported) => "이 확인기가 모르는 서명 방식입니다.",
            Self::Signature(CmsError::TooLarge) => "서명이 너무 커서 확인하지 않았습니다.",
            Self::Signature(CmsError::SignerMissing) => "서명자의 인증서가 들어 있지 않습니다.",
            Self::Signature(CmsError::NoCertificateReference | CmsError::OtherCertificate) => {
                "서명이 이 인증서로 만든 것인지 알 수 없습니다."
            }
            Self::Signature(CmsError::Malformed) | Self::Kind => "서명의 형식이 깨졌습니다.",
            Self::Changed(Change::PageContent) => "서명한 뒤 쪽의 내용이 바뀌었습니다.",
            Self::Changed(Change::Pages) => "서명한 뒤 쪽이 더해지거나 빠졌습니다.",
            Self::Changed(Change::Annotation) => "서명한 뒤 쪽 위에 다른 것이 덧붙었습니다.",
            Self::Changed(Change::FormValue) => "서명한 뒤 입력란의 값이 바뀌었습니다.",
            Self::Changed(Change::Action) => "서명한 뒤 문서를 열 때 실행되는 동작이 바뀌었습니다.",
            Self::Changed(Change::Hidden) => "서명할 때 없던 숨은 내용이 나중에 나타났습니다.",
            Self::Changed(Change::Other) => "서명한 뒤 문서가 바뀌었습니다.",
            Self::Changed(Change::History) => "서명한 문서 위에 쌓은 파일이 아닙니다.",
            Self::Forbidden => "더 서명하지 못하게 한 문서에 서명이 더해졌습니다.",
            Self::Timestamp(_) => "시점확인(타임스탬프)이 맞지 않습니다.",
            Self::TimestampUntrusted => "시점확인 기관을 확인할 수 없습니다.",
            Self::Untrusted => "발급기관을 확인할 수 없습니다.",
            Self::WrongPurpose => "문서 서명에 쓸 수 없는 인증서입니다.",
            Self::RevocationUnknown => "인증서가 폐지되었는지 확인할 자료가 없습니다.",
            Self::NotYetValid(at) => {
                return format!("서명 시점({})에 인증서가 아직 유효하지 않았습니다.", rfc3339(*at));
            }
            Self::Expired(at) => return format!("서명 시점({})에 인증서의 기간이 지났습니다.", rfc3339(*at)),
            Self::Revoked(since, _) => return format!("인증서가 {}에 폐지되었습니다.", rfc3339(*since)),
        };
        text.to_owned()
    }

    fn english(&self) -> String {
        let text = match self {
            Self::Pdf(error) => return format!("{error}."),
            Self::Signature(error) => return format!("{error}."),
            Self::Timestamp(error) => return format!("{error}."),
            Self::NotSigned => "The document is not signed.",
            Self::ByteRange => "The signature does not cover the whole document.",
            Self::Kind => "The signature is not of the kind it says.",
            Self::Changed(Change::PageContent) => "The content of a page was changed after signing.",
            Self::Changed(Change::Pages) => "Pages were added or removed after signing.",
            Self::Changed(Change::Annotation) => "Something was put upon a page after signing.",
            Self::Changed(Change::FormValue) => "The value of a field was changed after signing.",
            Self::Changed(Change::Action) => {
                "What happens when the document opens was changed after signing."
            }
            Self::Changed(Change::Hidden) => "Something that was missing at signing appeared afterwards.",
            Self::Changed(Change::Other) => "The document was changed after signing.",
            Self::Changed(Change::History) => "The file does not build on the document that was signed.",
            Self::Forbidden => "A signature was added to a document that allowed no further one.",
            Self::TimestampUntrusted => "The timestamp authority is not trusted.",
            Self::Untrusted => "No trusted authority issued the signer's certificate.",
            Self::WrongPurpose => "The certificate may not sign documents.",
            Self::RevocationUnknown => "Nothing here tells whether the certificate was revoked.",
            Self::NotYetValid(at) => {
                return format!("The certificate was not valid yet at {}.", rfc3339(*at));
            }
            Self::Expired(at) => return format!("The certificate had expired at {}.", rfc3339(*at)),
            Self::Revoked(since, _) => return format!("The certificate was revoked at {}.", rfc3339(*since)),
        };
        text.to_owned()
    }
}

impl serde::Serialize for Finding {
    /// Code and both sentences.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut out = serializer.serialize_struct("Finding", 3)?;
        out.serialize_field("code", self.code())?;
        out.serialize_field("ko", &self.text(Language::Korean))?;
        out.serialize_field("en", &self.text(Language::English))?;
        out.end()
    }
}
