//! The walk: apply, three approvals by three people, SMS, enrolment, issue, login, gate.

use serde_json::{Value, json};

use super::AnyError;
use super::browser::{self, Browser};
use super::gate;
use super::ground::Ground;
use super::people::{Person, message};
use super::story::Story;
use crate::personnel::{demo_data, employee_by_number};
use crate::phone::Phone;
use crate::staff::demo::{PASSWORD, accounts_at};
use crate::staff::{self, Door, Login, Password};

/// The applicant: an official of 예시행정부, 디지털정책과 and so on, who does not exist.
const APPLICANT: &str = "yesi.gong";
/// Three people for three steps.
pub(super) const DESKS: [(&str, &str); 3] =
    [("yesi.bujang", "head_approval"), ("yesi.insa", "identity_check"), ("yesi.insa2", "issue_approval")];
/// The demo's PIN; the phone refuses weak ones.
pub(super) const PIN: &str = "482951";
/// The first of the fictional people who may take their badge into a wallet of their own.
pub(super) const FIRST_STANDARD: u64 = 762;
/// How many of them sit in that department.
pub(super) const MOST_STANDARD: u64 = 12;

/// What the walk ended with.
#[derive(Debug)]
pub(super) struct Walked {
    /// What the phone found when it checked its badge.
    pub(super) badge: Value,
    /// What the relying party knows.
    pub(super) login: Value,
    /// Whose badge it is, for orders of the operator.
    pub(super) holder: Value,
    /// The PIN, so that judges can use the phone.
    pub(super) pin: &'static str,
    /// Headers for programs that speak to each listener.
    pub(super) api_headers: Value,
    /// Applicants who are invited and use a wallet of their own.
    pub(super) standard_wallets: Vec<Value>,
}

/// Plays it.
pub(super) async fn walk(ground: &Ground, story: &mut Story) -> Result<Walked, AnyError> {
    let platform = &ground.platform;
    let (http, base) = (&platform.http, platform.config.public.origin());
    let person = demo_data::person(applicant_ordinal()?);

    story.chapter("신청과 결재", "Application and approvals");
    let applicant = story
        .step("sign_in", ("포털 로그인", "signed in to the portal"), async {
            let applicant = Person::sign_in(http, base, "portal", APPLICANT, PASSWORD).await?;
            Ok((applicant, format!("{} · {}", person.name, person.department)))
        })
        .await?;
    let application = story
        .step("apply", ("발급 신청", "applied for a badge"), async {
            let id = applicant.apply().await?;
            Ok((id.clone(), id))
        })
        .await?;
    let console = platform.config.console.base_url.as_str().trim_end_matches('/').to_owned();
    let told = [
        ("부서장 결재", "department head approved"),
        ("신원확인", "identity checked"),
        ("발급 승인", "issue approved"),
    ];
    let mut last = None;
    for ((login, step), told) in DESKS.into_iter().zip(told) {
        let desk = story
            .step(step, told, async {
                let desk = Person::sign_in(http, &console, "console", login, PASSWORD).await?;
                desk.approve(&application, step).await?;
                Ok((desk, login.to_owned()))
            })
            .await?;
        last = Some(desk);
    }

    story.chapter("전화기", "Phone");
    let text = story
        .step("sms", ("문자 도착", "message arrived"), async {
            let text = message(http, base, &person.phone, 0).await?;
            Ok((text.clone(), text.lines().next().unwrap_or_default().to_owned()))
        })
        .await?;
    let link =
        text.split_whitespace().find(|word| word.starts_with(base)).ok_or("the message holds no address")?;
    let code = applicant.activation_code().await?;
    let mut phone = Phone::create(&ground.vault(), http.clone()).await?;
    story
        .step("activate", ("포털의 활성화 코드 입력", "activation code from the portal entered"), async {
            phone.activate(link, &code).await?;
            Ok(((), String::new()))
        })
        .await?;
    story
        .step(
            "prove_identity",
            ("본인확인: 이름과 주민등록번호", "identity proved: name and registration number"),
            async {
                phone.prove(&person.name, &person.rrn).await?;
                Ok(((), person.name.clone()))
            },
        )
        .await?;
    story
        .step("prove_phone", ("휴대폰 인증번호", "code sent to the phone entered"), async {
            let text = message(http, base, &person.phone, 1).await?;
            let code: String = digits_of(&text, 6).ok_or("the message holds no code of 6 digits")?;
            phone.otp(&code).await?;
            Ok(((), String::new()))
        })
        .await?;
    story
        .step("set_pin", ("기기 열쇠와 PIN 등록", "device key and PIN registered"), async {
            let account = phone.register(PIN).await?;
            Ok(((), account))
        })
        .await?;
    story
        .step("receive", ("발급 (OpenID4VCI)", "badge issued (OpenID4VCI)"), async {
            let copies = phone.receive(None, None).await?;
            Ok(((), format!("{copies} copies")))
        })
        .await?;
    let badge = story
        .step("verify_badge", ("서명·열쇠·상태 확인", "signature, key and status verified"), async {
            let badge = phone.verify().await?;
            Ok((badge, String::new()))
        })
        .await?;

    story.chapter("로그인", "Login");
    let login = log_in(ground, story, &mut phone).await?;
    let holder = employee_by_number(platform, person.agency, &person.number).await?;
    let holder = holder.ok_or("the applicant is not in the records")?;
    gate::pass(ground, story, &mut phone, &holder).await?;
    let console_token = last.as_ref().map(Person::token).unwrap_or_default();
    Ok(Walked {
        badge,
        login,
        holder: json!({ "agency": person.agency, "number": person.number }),
        pin: PIN,
        api_headers: json!({
            "public": { "authorization": format!("Bearer {}", applicant.token()) },
            "console": { "authorization": format!("Bearer {console_token}") },
        }),
        standard_wallets: Vec::new(),
    })
}

/// A browser at the sample relying party, the phone that scans its QR, and back.
async fn log_in(ground: &Ground, story: &mut Story, phone: &mut Phone) -> Result<Value, AnyError> {
    let site = ground.platform.config.login.sample_base_url.trim_end_matches('/').to_owned();
    let mut browser = Browser::new(ground.platform.http.clone());
    let page = story
        .step(
            "login_page",
            ("이용기관 → 로그인 화면", "relying party sent the browser to the login page"),
            async {
                let page = browser.login_page(&format!("{site}/login")).await?;
                let number = page.number.clone();
                Ok((page, format!("QR + {number}")))
            },
        )
        .await?;
    story
        .step(
            "approve_login",
            ("QR 촬영, 번호 입력, 동의 (OpenID4VP)", "QR scanned, number entered, consent given (OpenID4VP)"),
            async {
                let shown = phone.login(&page.link, &page.number, None).await?;
                Ok(((), shown))
            },
        )
        .await?;
    story
        .step("logged_in", ("로그인 완료 (OpenID Connect)", "logged in (OpenID Connect)"), async {
            let (_, page) = browser.follow(&page).await?;
            let claims = browser::shown_claims(&page)?;
            let name = claims.get("name").ok_or("the relying party knows no name")?.to_string();
            Ok((claims, name))
        })
        .await
}

/// Brings applicants up to their invitation who will use a wallet of their own.
pub(super) async fn prepare_standard_wallets(
    ground: &Ground,
    mut walked: Walked,
    count: u64,
) -> Result<Walked, AnyError> {
    let platform = &ground.platform;
    let (http, base) = (&platform.http, platform.config.public.origin());
    let console = platform.config.console.base_url.as_str().trim_end_matches('/');
    let mut desks = Vec::new();
    for (login, step) in DESKS.into_iter().filter(|_| count > 0) {
        desks.push((Person::sign_in(http, console, "console", login, PASSWORD).await?, step));
    }
    for ordinal in FIRST_STANDARD..FIRST_STANDARD + count.min(MOST_STANDARD) {
        let person = demo_data::person(ordinal);
        let employee = crate::personnel::employee_by_number(platform, person.agency, &person.number)
            .await?
            .ok_or("the demo has too few people")?;
        let login = format!("yesi.wallet{}", ordinal - FIRST_STANDARD + 1);
        staff::add(
            platform,
            Login::new(&login)?,
            &employee.id,
            Password::new(PASSWORD.to_owned())?,
            "operator",
        )
        .await?;
        let applicant = Person::sign_in(http, base, "portal", &login, PASSWORD).await?;
        let application = applicant.apply().await?;
        for (desk, step) in &desks {
            desk.approve(&application, step).await?;
        }
        let text = message(http, base, &person.phone, 0).await?;
        let install = text.split_whitespace().find(|word| word.starts_with(base)).unwrap_or_default();
        walked.standard_wallets.push(json!({
            "login": login,
            "password": PASSWORD,
            "name": person.name,
            "rrn": person.rrn,
            "phone": person.phone,
            "agency": person.agency,
            "number": person.number,
            "install": install,
        }));
    }
    Ok(walked)
}

fn applicant_ordinal() -> Result<u64, AnyError> {
    let account = accounts_at(Door::Portal).iter().find(|account| account.login == APPLICANT);
    Ok(account.ok_or("the demo has no such applicant")?.person)
}

/// The first run of exactly `length` digits.
pub(super) fn digits_of(text: &str, length: usize) -> Option<String> {
    text.split(|c: char| !c.is_ascii_digit()).find(|run| run.len() == length).map(str::to_owned)
}
