//! What every server page shares: the frame, the stylesheet with its tokens, the emblem and icons, the language, the
//! time as people write it.
//!
//! A page is an askama template that extends `pages/base.html` and has a field `page: Page`. Pages work without
//! JavaScript and under a policy that allows neither inline script nor inline style.

mod assets;
mod fault;
pub mod qr;
mod when;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use askama::Template;
use askama::filters::Safe;
use axum::extract::{FromRequestParts, OriginalUri};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};

pub use crate::operations::language::Language;
pub use assets::{STYLESHEET, routes};
pub use fault::{Fault, PageResult};
pub use when::{ago, date, day, full, iso, lasting};

use crate::operations::Platform;
use crate::operations::language;
use crate::personnel::Named;

/// Which part of the house a page belongs to: its title, its navigation and its door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Area {
    /// The official's own pages.
    Portal,
    /// The pages of the duties.
    Console,
    /// Everything else: login page, message box, document check.
    Public,
}

/// One entry of the navigation.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    pub href: &'static str,
    pub key: &'static str,
}

const PORTAL_LINKS: &[Link] = &[
    Link { href: "/portal", key: "portal.nav.badge" },
    Link { href: "/portal/apply", key: "portal.nav.apply" },
    Link { href: "/portal/credentials", key: "credentials.portal.nav" },
    Link { href: "/portal/certificates", key: "certificates.portal.nav" },
    Link { href: "/portal/devices", key: "portal.nav.devices" },
    Link { href: "/portal/logins", key: "login.mine.title" },
    Link { href: "/portal/browsers", key: "login.browser.title" },
    Link { href: "/portal/loss", key: "portal.nav.loss" },
    Link { href: "/portal/notices", key: "notification.contact.title" },
    Link { href: "/portal/my-data", key: "portal.nav.my_data" },
];
const CONSOLE_LINKS: &[Link] = &[
    Link { href: "/", key: "console.nav.queue" },
    Link { href: "/applications", key: "console.nav.all" },
    Link { href: "/credentials", key: "credentials.console.nav" },
    Link { href: "/signatures", key: "signatures.console.title" },
    Link { href: "/people", key: "desk.nav.people" },
    Link { href: "/loss", key: "desk.nav.loss" },
    Link { href: "/unlock", key: "desk.nav.unlock" },
    Link { href: "/corrections", key: "personnel.correction.queue" },
    Link { href: "/duties", key: "staff.duties.title" },
    Link { href: "/agencies", key: "personnel.agencies.title" },
    Link { href: "/relying-parties", key: "desk.parties.title" },
    Link { href: "/gates", key: "gates.title" },
    Link { href: "/statistics", key: "desk.nav.statistics" },
    Link { href: "/audit-log", key: "desk.nav.audit" },
    Link { href: "/system", key: "desk.nav.system" },
    Link { href: "/delegations", key: "console.nav.delegations" },
    Link { href: "/personnel", key: "employment.title" },
    Link { href: "/messages", key: "notification.console.title" },
];

/// Pages of the console that need no duty: what they show is one's own, or a rule for all.
const EVERYBODYS: [&str; 3] = ["/", "/delegations", "/personnel"];

/// Who is signed in, as the head of the page tells it.
#[derive(Clone, Debug)]
pub struct Who {
    pub name: Named,
    /// Agency and department.
    pub unit: Named,
    pub csrf: String,
    /// Addresses of desks that their duties open; the console's navigation shows these and what is everybody's.
    pub desks: Vec<&'static str>,
}

impl Who {
    fn opens(&self, href: &str) -> bool {
        EVERYBODYS.contains(&href) || self.desks.contains(&href)
    }
}

/// What `base.html` needs, made from the request.
#[derive(Clone, Debug)]
pub struct Page {
    pub lang: Language,
    pub area: Area,
    pub demo: bool,
    pub now_ms: i64,
    pub who: Option<Who>,
    path: String,
}

impl Page {
    /// The same page in another part of the house.
    pub fn of(mut self, area: Area) -> Self {
        self.area = area;
        self
    }

    /// The same page for somebody signed in.
    pub fn signed_in(mut self, area: Area, who: Who) -> Self {
        self.area = area;
        self.who = Some(who);
        self
    }

    /// The text of `key` in the language of the page.
    pub fn t<'k>(&self, key: &'k str) -> &'k str {
        language::text(self.lang, key)
    }

    /// The text of `prefix.row.part`: a table whose rows are named in the template.
    pub fn tk(&self, prefix: &str, row: &str, part: &str) -> String {
        self.t(&format!("{prefix}.{row}.{part}")).to_owned()
    }

    /// The text of `key` with the blank `{name}` filled.
    pub fn t1(&self, key: &str, name: &str, value: impl ToString) -> String {
        language::format(self.lang, key, &[(name, value.to_string())])
    }

    /// One of two texts that stand in the data, not in the catalogue.
    pub fn pick<'a>(&self, ko: &'a str, en: &'a str) -> &'a str {
        if en.is_empty() { ko } else { self.lang.pick(ko, en) }
    }

    /// The other language.
    pub fn other(&self) -> Language {
        match self.lang {
            Language::Ko => Language::En,
            Language::En => Language::Ko,
        }
    }

    /// The other language's own name.
    pub fn other_name(&self) -> &'static str {
        match self.lang {
            Language::Ko => "English",
            Language::En => "한국어",
        }
    }

    /// An icon of the own set; it says nothing to a screen reader, the word beside it does.
    pub fn icon(&self, name: &str) -> Safe<String> {
        Safe(format!(
            "<svg class=\"icon\" aria-hidden=\"true\" focusable=\"false\"><use href=\"/assets/icons.svg#{name}\"/></svg>"
        ))
    }

    /// A state as shape and word; `tone` is `good`, `wait`, `bad` or `done`.
    pub fn state(&self, tone: &str, key: &str) -> Safe<String> {
        let icon = match tone {
            "good" => "done",
            "wait" => "clock",
            "bad" => "stop",
            _ => "check",
        };
        Safe(format!("<span class=\"state {tone}\">{}{}</span>", self.icon(icon).0, escape(self.t(key))))
    }

    /// A moment: the full date, and how long ago beside it.
    pub fn moment(&self, at_ms: &i64) -> Safe<String> {
        Safe(format!(
            "<time datetime=\"{}\">{}</time> <span class=\"soft small ago\">({})</span>",
            iso(*at_ms),
            full(*at_ms),
            ago(self.lang, *at_ms, self.now_ms)
        ))
    }

    /// A moment told shortly; the full time is its title.
    pub fn since(&self, at_ms: &i64) -> Safe<String> {
        Safe(format!(
            "<time datetime=\"{}\" title=\"{}\">{}</time>",
            iso(*at_ms),
            full(*at_ms),
            ago(self.lang, *at_ms, self.now_ms)
        ))
    }

    /// The address of the stylesheet, changing with its content so that it may be cached for ever.
    pub fn stylesheet(&self) -> &'static str {
        assets::stylesheet_address()
    }

    /// Where the emblem leads.
    pub fn home(&self) -> &'static str {
        match self.area {
            Area::Portal => "/portal",
            Area::Console | Area::Public => "/",
        }
    }

    /// Where signing out posts to.
    pub fn sign_out(&self) -> &'static str {
        match self.area {
            Area::Console => "/sign-out",
            Area::Portal | Area::Public => "/portal/sign-out",
        }
    }

    /// The name of the part of the house.
    pub fn area_name(&self) -> &'static str {
        self.t(match self.area {
            Area::Portal => "pages.area.portal",
            Area::Console => "pages.area.console",
            Area::Public => "pages.area.public",
        })
    }

    /// The navigation, for somebody signed in.
    pub fn links(&self) -> Vec<Link> {
        match (self.area, &self.who) {
            (Area::Portal, Some(_)) => PORTAL_LINKS.to_vec(),
            (Area::Console, Some(who)) => {
                CONSOLE_LINKS.iter().copied().filter(|link| who.opens(link.href)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Whether `href` is the page being shown.
    pub fn is_at(&self, href: &str) -> bool {
        self.path.split('?').next() == Some(href)
    }

    /// The link that shows this page in the other language and remembers it.
    pub fn other_language(&self) -> String {
        let back = url::form_urlencoded::byte_serialize(self.path.as_bytes()).collect::<String>();
        format!("/language?to={}&back={back}", self.other().tag())
    }
}

impl FromRequestParts<Arc<Platform>> for Page {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        platform: &Arc<Platform>,
    ) -> Result<Self, Self::Rejection> {
        let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| &original.0);
        // After a form the address is not one to come back to with GET.
        let path = if parts.method == http::Method::GET {
            uri.path_and_query().map_or("/", |path| path.as_str()).to_owned()
        } else {
            "/".to_owned()
        };
        Ok(Self {
            lang: asked(uri.query()).unwrap_or_else(|| Language::of(&parts.headers)),
            area: Area::Public,
            demo: platform.config.demo.enabled,
            now_ms: platform.clock.now_ms(),
            who: None,
            path,
        })
    }
}

/// `?lang=en` of one address, before what the browser remembers.
fn asked(query: Option<&str>) -> Option<Language> {
    let (_, tag) = url::form_urlencoded::parse(query?.as_bytes()).find(|(name, _)| name == "lang")?;
    Language::ALL.into_iter().find(|language| language.tag() == tag)
}

/// Renders a template as a response that is never stored by a cache.
pub fn render(template: &impl Template) -> Response {
    render_with(StatusCode::OK, template)
}

/// Renders a template with a status.
pub fn render_with(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => (
            status,
            [
                (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
                (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            ],
            html,
        )
            .into_response(),
        Err(error) => {
            tracing::error!(%error, "a template could not be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// The text with the five letters escaped that mean something in HTML.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// A cell of a CSV file (RFC 4180) that a spreadsheet shows and never runs: what would begin a formula gets an apostrophe.
pub fn csv_cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let quote = formula || text.contains([',', '"', '\r', '\n', ';', '\t']);
    let text = text.replace('"', "\"\"");
    match (formula, quote) {
        (true, _) => format!("\"'{text}\""),
        (false, true) => format!("\"{text}\""),
        (false, false) => text,
    }
}

/// `010-0000-0000`, as people read a number aloud.
pub fn phone(digits: &str) -> String {
    let tail = digits.len().saturating_sub(4);
    match (digits.get(..3), digits.get(3..tail), digits.get(tail..)) {
        (Some(first), Some(middle), Some(last)) if digits.len() >= 10 => format!("{first}-{middle}-{last}"),
        _ => digits.to_owned(),
    }
}
