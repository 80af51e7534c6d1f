//! The check of a PDF.

use keys::sha256;
use keys::x509::{Certificate, Purpose};

use super::changes::{self, Refused, Step};
use super::fields::{Rules, Signature, signatures};
use super::proof::{Good, Pool, Trust};
use super::{Change, Finding, Verdict};
use crate::cms::{self, CmsError};
use crate::pades::{Material, digest_around};
use crate::pdf::{File, Object, PdfError, View};
use crate::revocation::{Crl, OcspAnswer};
use crate::time;
use crate::tsp::Timestamp;

/// How many pieces of material of a file are looked at.
const MAX_MATERIAL: usize = 512;

/// Which profile of EN 319 142-1 §6 a signature reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub enum Level {
    /// A signature.
    #[serde(rename = "B-B")]
    B,
    /// With a trusted timestamp.
    #[serde(rename = "B-T")]
    T,
    /// With everything that is needed to check it.
    #[serde(rename = "B-LT")]
    Lt,
    /// With a timestamp of all that.
    #[serde(rename = "B-LTA")]
    Lta,
}

/// What kind of entry it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SignatureKind {
    /// A person's or an agency's signature.
    Signature,
    /// A timestamp of the document.
    Timestamp,
}

/// Who signed, as the certificate says.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Signer {
    /// The common name.
    pub name: Option<String>,
    /// The organisation.
    pub organization: Option<String>,
    /// The serial number of the certificate, in hexadecimal digits.
    pub serial: String,
    /// The SHA-256 of the certificate, in hexadecimal digits.
    pub fingerprint: String,
}

impl Signer {
    fn of(certificate: &Certificate) -> Self {
        Self {
            name: certificate.subject_common_name().map(str::to_owned),
            organization: certificate.subject_organization().map(str::to_owned),
            serial: keys::encoding::hex_encode(certificate.serial()),
            fingerprint: keys::encoding::hex_encode(&certificate.sha256()),
        }
    }
}

/// What was found of one signature or timestamp.
#[derive(Debug, Clone, serde::Serialize)]
pub struct SignatureReport {
    /// The field it stands in.
    pub field: String,
    /// Signature or timestamp.
    pub kind: SignatureKind,
    /// What is said of it.
    pub verdict: Verdict,
    /// Why, each reason; empty where it is genuine.
    pub findings: Vec<Finding>,
    /// Who signed.
    pub signer: Option<Signer>,
    /// The level that was proven.
    pub level: Option<Level>,
    /// When, proven by a timestamp: seconds since 1970.
    pub proven_at: Option<i64>,
    /// When, as the signer claims.
    pub claimed_at: Option<i64>,
    /// Whether nothing at all follows it.
    pub covers_whole_file: bool,
    /// How many later signatures there are, each with its own report.
    pub later_signatures: usize,
    /// When the oldest material about revocation that was used was made.
    pub material_of: Option<i64>,
}

/// What was found of a document.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Report {
    /// The worst of what is said of its signatures.
    pub verdict: Verdict,
    /// What concerns the whole document.
    pub findings: Vec<Finding>,
    /// Each signature and timestamp, in the order they were made.
    pub signatures: Vec<SignatureReport>,
    /// The SHA-256 of the file, in hexadecimal digits.
    pub sha256: String,
}

impl Report {
    fn refused(pdf: &[u8], finding: Finding) -> Self {
        Self {
            verdict: finding.verdict(),
            findings: vec![finding],
            signatures: Vec::new(),
            sha256: if pdf.len() > crate::pdf::MAX_PDF {
                String::new()
            } else {
                keys::encoding::hex_encode(&sha256(pdf))
            },
        }
    }

    /// Every reason, of the document and of each signature.
    pub fn codes(&self) -> Vec<&'static str> {
        let all = self.findings.iter().chain(self.signatures.iter().flat_map(|one| &one.findings));
        all.map(Finding::code).collect()
    }
}

/// Checks a PDF.
pub fn check_pdf(pdf: &[u8], trust: &Trust<'_>) -> Report {
    match read(pdf, trust) {
        Ok(report) => report,
        Err(error) => Report::refused(pdf, Finding::Pdf(error)),
    }
}

fn read(pdf: &[u8], trust: &Trust<'_>) -> Result<Report, PdfError> {
    let file = File::open(pdf)?;
    let found = signatures(&file)?;
    if found.iter().all(|one| one.is_timestamp) {
        return Ok(Report::refused(pdf, Finding::NotSigned));
    }
    let mut pool = pool(&file)?;
    pool.crls.extend(trust.crls.iter().map(|list| (list.clone(), false)));
    let opened: Vec<Opened> = found.iter().map(|one| Opened::of(&file, one)).collect();
    for one in opened.iter().filter_map(|one| one.content.as_ref().ok()) {
        pool.add(one.certificates());
    }
    let steps = steps(&file, &opened);

    // From the newest to the oldest: each timestamp of the document proves all before it to be no younger.
    let mut reports = Vec::with_capacity(found.len());
    let mut proven = trust.now;
    let mut material_proven = false;
    for (place, (signature, one)) in found.iter().zip(&opened).enumerate().rev() {
        let later = found.get(place + 1..).unwrap_or_default();
        let mut report = SignatureReport {
            field: signature.field.clone(),
            kind: if signature.is_timestamp { SignatureKind::Timestamp } else { SignatureKind::Signature },
            verdict: Verdict::Genuine,
            findings: Vec::new(),
            signer: one.content.as_ref().ok().and_then(Content::signer).map(Signer::of),
            level: None,
            proven_at: None,
            claimed_at: signature
                .dictionary
                .get("M")
                .and_then(Object::as_text)
                .and_then(|m| time::read_pdf(&m.bytes)),
            covers_whole_file: one.end == Some(pdf.len()),
            later_signatures: later.iter().filter(|one| !one.is_timestamp).count(),
            material_of: None,
        };
        if let Err(finding) = judge(&file, signature, one, &steps, &mut report) {
            report.findings.push(finding);
        }
        match &one.content {
            Err(finding) => report.findings.push(finding.clone()),
            Ok(Content::Timestamp(stamp)) => {
                let checked = timestamp(stamp, &one.digest, proven, &pool, trust);
                match checked {
                    Ok(good) => {
                        report.material_of = good.material_of;
                        report.proven_at = Some(stamp.time);
                        if report.findings.is_empty() {
                            proven = stamp.time;
                            material_proven = true;
                        }
                    }
                    Err(finding) => report.findings.push(finding),
                }
            }
            Ok(Content::Signature(signed)) => {
                let judged = signer(signed, &one.digest, proven, material_proven, &pool, trust, &mut report);
                if let Err(finding) = judged {
                    report.findings.push(finding);
                }
            }
        }
        report.verdict = report.findings.iter().map(Finding::verdict).max().unwrap_or(Verdict::Genuine);
        if report.verdict != Verdict::Genuine {
            report.level = None;
        }
        reports.push(report);
    }
    reports.reverse();
    let verdict = reports.iter().map(|one| one.verdict).max().unwrap_or(Verdict::Unknown);
    Ok(Report {
        verdict,
        findings: Vec::new(),
        signatures: reports,
        sha256: keys::encoding::hex_encode(&sha256(pdf)),
    })
}

/// A signature taken out of its field.
struct Opened {
    end: Option<usize>,
    view: Result<View, PdfError>,
    digest: [u8; 32],
    content: Result<Content, Finding>,
}

enum Content {
    Signature(cms::Parsed),
    Timestamp(Timestamp),
}

impl Content {
    fn certificates(&self) -> &[Certificate] {
        match self {
            Self::Signature(signed) => &signed.certificates,
            Self::Timestamp(stamp) => stamp.certificates(),
        }
    }

    fn signer(&self) -> Option<&Certificate> {
        match self {
            Self::Signature(signed) => signed.signer_certificate().ok(),
            Self::Timestamp(stamp) => stamp.signer_certificate().ok(),
        }
    }
}

impl Opened {
    fn of(file: &File<'_>, signature: &Signature) -> Self {
        let end = signature.covers().filter(|end| *end <= file.bytes().len());
        let view =
            end.map_or(Err(PdfError::Malformed("the byte range is broken", 0)), |end| file.view_ending(end));
        let covered = end.and_then(|end| file.bytes().get(..end)).unwrap_or_default();
        let digest = digest_around(covered, &signature.contents.span);
        Self { end, view, digest, content: Self::content(signature) }
    }

    fn content(signature: &Signature) -> Result<Content, Finding> {
        let broken = Finding::Signature(CmsError::Malformed);
        let first =
            crate::der::Reader::new(&signature.contents.bytes).any().map_err(|_| broken.clone())?.whole;
        let rest = signature.contents.bytes.get(first.len()..).unwrap_or_default();
        // What is kept free and not used is zero, and says nothing.
        if rest.iter().any(|byte| *byte != 0) {
            return Err(broken);
        }
        if signature.is_timestamp {
            return Timestamp::read(first).map(Content::Timestamp).map_err(Finding::Timestamp);
        }
        let known = [b"ETSI.CAdES.detached".as_slice(), b"adbe.pkcs7.detached"];
        if !signature.dictionary.name("SubFilter").is_some_and(|name| known.contains(&name)) {
            return Err(Finding::Kind);
        }
        cms::read(first).map(Content::Signature).map_err(Finding::Signature)
    }
}

/// What each update since the first signature did: number `n` leads to view `n`.
fn steps(file: &File<'_>, opened: &[Opened]) -> Vec<Result<Step, Refused>> {
    let oldest = opened.iter().filter_map(|one| one.view.as_ref().ok()).max().copied().unwrap_or(View(0));
    (0..oldest.0).map(|new| changes::between(file, View(new + 1), View(new))).collect()
}

/// Byte range, and what followed.
fn judge(
    file: &File<'_>,
    signature: &Signature,
    one: &Opened,
    steps: &[Result<Step, Refused>],
    report: &mut SignatureReport,
) -> Result<(), Finding> {
    if one.end.is_none() {
        return Err(Finding::ByteRange);
    }
    let view = one.view.as_ref().map_err(|_| Finding::Changed(Change::History))?;
    let rules = Rules::set_by(file, *view, signature).map_err(Finding::Pdf)?;
    for step in steps.get(..view.0).unwrap_or_default().iter().rev() {
        match step {
            Err(Refused::Changed(change)) => return Err(Finding::Changed(*change)),
            Err(Refused::Pdf(error)) => return Err(Finding::Pdf(error.clone())),
            Ok(step) if !step.signatures.is_empty() && rules.forbids_signatures() => {
                return Err(Finding::Forbidden);
            }
            Ok(_) => report.covers_whole_file = false,
        }
    }
    Ok(())
}

/// A timestamp over this digest, at a time by which it is proven to have been there.
fn timestamp(
    stamp: &Timestamp,
    imprint: &[u8; 32],
    proven: i64,
    pool: &Pool,
    trust: &Trust<'_>,
) -> Result<Good, Finding> {
    let certificate = stamp.verify(imprint).map_err(Finding::Timestamp)?;
    // It speaks of its own time; that it is no later forgery is proven by the next timestamp, or by now.
    let checked = pool.check(certificate, Purpose::TimeStamp, stamp.time, trust);
    let checked = checked.and_then(|good| {
        let later = pool.check(certificate, Purpose::TimeStamp, proven, trust);
        match later {
            // The material of then is enough where the certificate still runs.
            Err(Finding::RevocationUnknown) => Ok(good),
            other => other.map(|_| good),
        }
    });
    checked
        .map_err(|finding| if finding == Finding::Untrusted { Finding::TimestampUntrusted } else { finding })
}

fn signer(
    signed: &cms::Parsed,
    digest: &[u8; 32],
    proven: i64,
    material_proven: bool,
    pool: &Pool,
    trust: &Trust<'_>,
    report: &mut SignatureReport,
) -> Result<(), Finding> {
    let certificate = signed.verify(digest).map_err(Finding::Signature)?;
    let mut at = proven;
    let mut level = Level::B;
    let mut stamp_is_contained = true;
    if let Some(token) = signed.timestamps().first() {
        let stamp = Timestamp::read(token).map_err(Finding::Timestamp)?;
        let mut with_own = Pool { certificates: pool.certificates.clone(), ..Pool::default() };
        with_own.add(stamp.certificates());
        with_own.crls.clone_from(&pool.crls);
        with_own.ocsps.clone_from(&pool.ocsps);
        let good = timestamp(&stamp, &signed.imprint(), proven, &with_own, trust)?;
        stamp_is_contained = good.self_contained;
        report.material_of = good.material_of;
        report.proven_at = Some(stamp.time);
        at = stamp.time;
        level = Level::T;
    } else if material_proven {
        report.proven_at = Some(proven);
        level = Level::T;
    }
    let good = pool.check(certificate, Purpose::Document, at, trust)?;
    report.material_of = match (report.material_of, good.material_of) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    };
    if level == Level::T && good.self_contained && stamp_is_contained {
        level = if material_proven { Level::Lta } else { Level::Lt };
    }
    report.level = Some(level);
    Ok(())
}

/// What the security store of a file holds, as far as it can be read.
fn pool(file: &File<'_>) -> Result<Pool, PdfError> {
    let material = embedded_material(file)?;
    let mut pool = Pool::default();
    for der in &material.certificates {
        pool.add(&Certificate::parse(der).into_iter().collect::<Vec<_>>());
    }
    pool.crls.extend(material.crls.iter().filter_map(|der| Some((Crl::read(der).ok()?, true))));
    pool.ocsps.extend(material.ocsps.iter().filter_map(|der| OcspAnswer::read(der).ok()));
    Ok(pool)
}

/// The material in the security store of a file.
///
/// # Errors
/// The PDF is refused.
pub fn embedded_material(file: &File<'_>) -> Result<Material, PdfError> {
    let view = file.now();
    let (_, catalog) = file.catalog(view)?;
    let store = file.entry(view, &catalog, "DSS")?;
    let mut material = Material::default();
    let Some(store) = store.as_dictionary() else { return Ok(material) };
    let parts =
        [("Certs", &mut material.certificates), ("CRLs", &mut material.crls), ("OCSPs", &mut material.ocsps)];
    for (key, into) in parts {
        let list = file.entry(view, store, key)?;
        for object in list.as_array().unwrap_or_default() {
            if into.len() == MAX_MATERIAL {
                return Err(PdfError::TooComplex("material"));
            }
            if let Object::Stream(stream) = &*file.resolve(view, object)? {
                into.push(file.decoded(stream)?);
            }
        }
    }
    Ok(material)
}
