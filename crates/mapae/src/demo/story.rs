//! How the walk is told: a line and a time for each step, or one JSON object at the end.

use std::io::Write as _;
use std::time::Instant;

use serde_json::{Value, json};

use super::AnyError;
use super::ground::Ground;
use super::walk::Walked;
use crate::operations::Language;
use crate::staff::Door;
use crate::staff::demo::{PASSWORD, accounts_at};

/// One step that was done.
#[derive(Debug)]
struct Told {
    name: &'static str,
    ms: f64,
}

/// The teller.
#[derive(Debug)]
pub(super) struct Story {
    json: bool,
    language: Language,
    steps: Vec<Told>,
}

impl Story {
    pub(super) fn new(json: bool) -> Self {
        let english = std::env::var("LANG").is_ok_and(|language| language.starts_with("en"));
        Self { json, language: if english { Language::En } else { Language::Ko }, steps: Vec::new() }
    }

    /// A heading between steps.
    pub(super) fn chapter(&self, ko: &str, en: &str) {
        if !self.json {
            println!("\n{}", self.language.pick(ko, en));
        }
    }

    /// Does a step, times it, and tells it with what it brought.
    pub(super) async fn step<T>(
        &mut self,
        name: &'static str,
        (ko, en): (&str, &str),
        work: impl Future<Output = Result<(T, String), AnyError>>,
    ) -> Result<T, AnyError> {
        #[expect(clippy::disallowed_methods, reason = "the demonstration measures what a person would wait")]
        let start = Instant::now();
        let (value, brought) = work.await.map_err(|error| format!("{name}: {error}"))?;
        let ms = start.elapsed().as_secs_f64() * 1_000.0;
        self.steps.push(Told { name, ms: (ms * 10.0).round() / 10.0 });
        if !self.json {
            println!("  {ms:>8.1} ms  {}  {brought}", self.language.pick(ko, en));
        }
        Ok(value)
    }

    /// The end: where everything is, who may sign in.
    pub(super) fn end(&self, ground: &Ground, walked: &Walked, once: bool) -> Result<(), AnyError> {
        let out = if self.json {
            self.object(ground, walked).to_string()
        } else {
            self.farewell(ground, walked, once)
        };
        let mut stdout = std::io::stdout().lock();
        writeln!(stdout, "{out}")?;
        stdout.flush()?;
        Ok(())
    }

    fn object(&self, ground: &Ground, walked: &Walked) -> Value {
        let account = |door: Door, listener: &str| -> Vec<Value> {
            accounts_at(door)
                .iter()
                .map(|account| json!({ "listener": listener, "login": account.login, "password": PASSWORD, "title": account.title }))
                .collect()
        };
        let mut accounts = account(Door::Portal, "public");
        accounts.extend(account(Door::Console, "console"));
        json!({
            "steps": self.steps.iter().map(|step| json!({ "name": step.name, "ms": step.ms })).collect::<Vec<_>>(),
            "total_ms": (self.steps.iter().map(|step| step.ms).sum::<f64>() * 10.0).round() / 10.0,
            "urls": ground.urls(),
            "audit_key": crate::audit::public_key(&ground.platform).unwrap_or_default(),
            "accounts": accounts,
            "badge": walked.badge,
            "login": walked.login,
            "holder": walked.holder,
            "relying_party": ground.relying_party,
            "phone": { "arguments": ["--vault", ground.vault().display().to_string()], "environment": { "MAPAE_PIN": walked.pin } },
            "api_headers": walked.api_headers,
            "operator": { "environment": ground.operator_environment() },
            "standard_wallets": walked.standard_wallets,
        })
    }

    fn farewell(&self, ground: &Ground, walked: &Walked, once: bool) -> String {
        let total = self.steps.iter().map(|step| step.ms).sum::<f64>() / 1_000.0;
        let name = walked.login.get("name").and_then(Value::as_str).unwrap_or_default();
        let mut out = match self.language {
            Language::Ko => format!(
                "\n로그인했습니다: {name} (예시). 신청에서 로그인까지 기계의 몫은 {total:.1}초입니다."
            ),
            Language::En => format!(
                "\nLogged in as {name} (fictional). From application to login the machine took {total:.1} s."
            ),
        };
        if once {
            return out;
        }
        let urls = ground.urls();
        let mut line = |ko: &str, en: &str, value: String| {
            out.push_str(&format!("\n  {:<24} {value}", self.language.pick(ko, en)));
        };
        let url = |name: &str, path: &str| {
            format!("{}{path}", urls.get(name).and_then(Value::as_str).unwrap_or_default())
        };
        line("예시 업무 포털 (로그인)", "Sample relying party", url("relying_party", "/"));
        line("공무원 포털", "Portal for officials", url("public", "/portal"));
        line("결재·인사 콘솔", "Console for staff", url("console", "/"));
        line("예시 문자함", "Message box", url("public", "/demo/messages"));
        line("API", "API", url("public", "/openapi.json"));
        line("측정값", "Metrics", url("metrics", "/metrics"));
        for (door, ko, en) in
            [(Door::Portal, "포털 계정", "Portal accounts"), (Door::Console, "콘솔 계정", "Console accounts")]
        {
            line(
                ko,
                en,
                accounts_at(door).iter().map(|account| account.login).collect::<Vec<_>>().join(", "),
            );
        }
        line("비밀번호", "Password", PASSWORD.to_owned());
        line(
            "휴대전화 (터미널)",
            "Phone (terminal)",
            format!("mapae wallet --vault {} show", ground.vault().display()),
        );
        line("끝내기", "Stop", "Ctrl-C".to_owned());
        if let Some(invited) = walked.standard_wallets.first() {
            out.push_str(&self.by_hand(invited, ground));
        }
        out
    }

    /// What a person does in a browser, from the message to a login.
    fn by_hand(&self, invited: &Value, ground: &Ground) -> String {
        let said = |name: &str| invited.get(name).and_then(Value::as_str).unwrap_or_default();
        let urls = ground.urls();
        let url = |name: &str| urls.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (portal, messages, site) =
            (format!("{}/portal", url("public")), url("messages"), url("relying_party"));
        match self.language {
            Language::Ko => format!(
                "\n\n직접 해 보기 (예시 인물 {name}):\n  \
                 1. 문자함에서 설치 주소를 엽니다: {messages}?to={phone}\n     {install}\n  \
                 2. 포털에 {login} / {password} 로 로그인해 활성화 코드를 봅니다: {portal}\n  \
                 3. 앱에서 코드, 이름 {name}, 주민등록번호 {rrn}, 문자의 인증번호, PIN을 입력합니다.\n  \
                 4. {site} 에서 로그인을 누르고, QR을 찍거나 ‘이 기기의 앱으로 열기’를 누릅니다.",
                name = said("name"),
                phone = said("phone"),
                install = said("install"),
                login = said("login"),
                password = said("password"),
                rrn = said("rrn"),
            ),
            Language::En => format!(
                "\n\nBy hand (the fictional {name}):\n  \
                 1. Open the install address in the message box: {messages}?to={phone}\n     {install}\n  \
                 2. Sign in to the portal as {login} / {password} and show the activation code: {portal}\n  \
                 3. In the app enter the code, the name {name}, the number {rrn}, the code of the next message, and a PIN.\n  \
                 4. At {site} press log in, and scan the QR or press “Open in the app on this device”.",
                name = said("name"),
                phone = said("phone"),
                install = said("install"),
                login = said("login"),
                password = said("password"),
                rrn = said("rrn"),
            ),
        }
    }
}
