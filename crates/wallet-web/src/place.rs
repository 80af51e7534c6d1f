//! Where the app was opened: which system, whether installed, and whether inside another app's browser.

/// The kind of device, as far as installing differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    /// Android.
    Android,
    /// iPhone and iPad.
    Ios,
    /// Anything with a keyboard.
    Desktop,
}

/// Where the app was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The system.
    pub system: System,
    /// The app whose built-in browser this is; such browsers can't install and may lack passkeys.
    pub inside: Option<&'static str>,
    /// Whether it runs as an installed app.
    pub installed: bool,
}

/// What each app's built-in browser says of itself in its user agent, and how the app is called.
const INSIDE: &[(&str, &str)] = &[
    ("KAKAOTALK", "KakaoTalk"),
    ("NAVER(inapp", "NAVER"),
    ("DaumApps", "Daum"),
    ("Line/", "LINE"),
    ("Instagram", "Instagram"),
    ("FBAN", "Facebook"),
    ("FBAV", "Facebook"),
    ("BAND/", "BAND"),
    ("TelegramBot", "Telegram"),
    ("; wv)", "WebView"),
];

impl Place {
    /// From the user agent; `touch` tells an iPad, which calls itself a Mac.
    pub fn of(agent: &str, touch: bool, installed: bool) -> Place {
        let system = if agent.contains("Android") {
            System::Android
        } else if agent.contains("iPhone") || agent.contains("iPad") || (agent.contains("Macintosh") && touch)
        {
            System::Ios
        } else {
            System::Desktop
        };
        let inside = INSIDE.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name);
        Place { system, inside, installed }
    }

    /// An address that leaves the built-in browser for the real one, where the system has such addresses.
    pub fn way_out(&self, address: &str) -> Option<String> {
        match (self.inside?, self.system) {
            ("KakaoTalk", _) => Some(format!("kakaotalk://web/openExternal?url={}", encoded(address))),
            (_, System::Android) => {
                // The fragment of an intent address is the intent itself: ours travels in the fallback address.
                let (plain, _) = address.split_once('#').unwrap_or((address, ""));
                let (scheme, rest) = plain.split_once("://")?;
                Some(format!(
                    "intent://{rest}#Intent;scheme={scheme};action=android.intent.action.VIEW;S.browser_fallback_url={};end",
                    encoded(address)
                ))
            }
            _ => None,
        }
    }
}

/// Percent-encoding of everything but unreserved characters (RFC 3986 §2.3).
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 3);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANDROID: &str =
        "Mozilla/5.0 (Linux; Android 15; SM-S921N) AppleWebKit/537.36 Chrome/142.0 Mobile Safari/537.36";
    const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Version/19.0 Mobile/15E148 Safari/604.1";

    #[test]
    fn the_three_kinds_of_device_are_told_apart() {
        assert_eq!(Place::of(ANDROID, true, false).system, System::Android);
        assert_eq!(Place::of(IPHONE, true, false).system, System::Ios);
        let mac = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/19.0 Safari/605.1.15";
        assert_eq!(Place::of(mac, false, false).system, System::Desktop);
        assert_eq!(Place::of(mac, true, false).system, System::Ios, "an iPad calls itself a Mac");
    }

    #[test]
    fn browsers_inside_other_apps_are_known_by_name() {
        for (agent, name) in [
            (format!("{ANDROID};KAKAOTALK 2610260"), "KakaoTalk"),
            (format!("{IPHONE} NAVER(inapp; search; 1200; 12.6.1)"), "NAVER"),
            (format!("{IPHONE} Instagram 300.0"), "Instagram"),
            (ANDROID.replace("SM-S921N)", "SM-S921N; wv)"), "WebView"),
        ] {
            assert_eq!(Place::of(&agent, true, false).inside, Some(name), "{agent}");
        }
        assert_eq!(Place::of(ANDROID, true, false).inside, None);
        assert_eq!(Place::of(IPHONE, true, false).inside, None);
    }

    #[test]
    fn the_way_out_keeps_the_invitation() {
        let address = "https://mapae.example/wallet/install#AbC-_123456789012345";
        let kakao = Place::of(&format!("{IPHONE};KAKAOTALK"), true, false).way_out(address).unwrap();
        assert!(kakao.starts_with("kakaotalk://web/openExternal?url=https%3A%2F%2Fmapae.example"));
        assert!(kakao.ends_with("%23AbC-_123456789012345"));
        let naver = Place::of(&format!("{ANDROID} NAVER(inapp; x)"), true, false).way_out(address).unwrap();
        assert!(naver.starts_with("intent://mapae.example/wallet/install#Intent;scheme=https;"));
        assert!(naver.contains("%23AbC-_123456789012345"));
        let on_iphone = Place::of(&format!("{IPHONE} Instagram 300.0"), true, false);
        assert_eq!(on_iphone.way_out(address), None, "iOS has no such address: the person has to choose it");
    }
}
