//! What the login page says, in Korean and English. A text that is missing in one language does not compile.

use crate::pages::Language;

/// The texts of a language.
pub(super) const fn texts(language: Language) -> &'static Texts {
    match language {
        Language::Ko => &KO,
        Language::En => &EN,
    }
}

/// How a login can end other than by success: what happened, why, what to do next.
#[derive(Debug)]
pub(super) struct Ending {
    /// What happened.
    pub(super) title: &'static str,
    /// Why, and what it means.
    pub(super) why: &'static str,
    /// What to do next.
    pub(super) next: &'static str,
}

/// Every text of the page.
#[derive(Debug)]
pub(super) struct Texts {
    pub(super) title: &'static str,
    pub(super) to: &'static str,
    pub(super) number: &'static str,
    pub(super) number_hint: &'static str,
    pub(super) scan: &'static str,
    pub(super) steps: [&'static str; 3],
    pub(super) qr_label: &'static str,
    pub(super) seconds_before: &'static str,
    pub(super) seconds_after: &'static str,
    pub(super) open_here: &'static str,
    pub(super) open_here_hint: &'static str,
    pub(super) only_here: &'static str,
    pub(super) by_browser: &'static str,
    pub(super) by_browser_hint: &'static str,
    pub(super) by_browser_asking: &'static str,
    pub(super) by_browser_failed: &'static str,
    pub(super) shared: &'static str,
    pub(super) shared_hint: &'static str,
    pub(super) shared_sub: &'static str,
    pub(super) pin_needed: &'static str,
    pub(super) waiting: &'static str,
    pub(super) unreachable: &'static str,
    pub(super) without_script: &'static str,
    pub(super) check: &'static str,
    pub(super) cancel: &'static str,
    pub(super) again: &'static str,
    pub(super) lost: &'static str,
    pub(super) lost_text: &'static str,
    pub(super) warning: &'static str,
    pub(super) granted: Ending,
    pub(super) continued: Ending,
    pub(super) expired: Ending,
    pub(super) denied: Ending,
    pub(super) number_wrong: Ending,
    pub(super) badge_suspended: Ending,
    pub(super) badge_revoked: Ending,
    pub(super) other_browser: Ending,
    pub(super) party_expired: Ending,
    pub(super) device_done: Ending,
    pub(super) logged_out: Ending,
    pub(super) no_session: Ending,
    pub(super) go_on: &'static str,
    pub(super) device_title: &'static str,
    pub(super) device_code: &'static str,
    pub(super) device_hint: &'static str,
    pub(super) device_next: &'static str,
    pub(super) device_wrong: &'static str,
    pub(super) device_waits: &'static str,
    pub(super) device_warning: &'static str,
    pub(super) device_shown: &'static str,
    pub(super) bad_client: Ending,
    pub(super) bad_redirect: Ending,
    pub(super) bad_request: Ending,
}

static KO: Texts = Texts {
    title: "모바일 공무원증으로 로그인",
    to: "로그인할 곳",
    number: "확인 번호",
    number_hint: "휴대전화가 물으면 이 번호를 입력하세요.",
    scan: "QR 코드를 공무원증 앱으로 찍으세요",
    steps: [
        "공무원증 앱에서 ‘QR 촬영’을 엽니다.",
        "앱에 보이는 기관 이름과 주소가 이 화면과 같은지 확인합니다.",
        "확인 번호를 입력하고 동의합니다.",
    ],
    qr_label: "로그인 QR 코드. 화면 낭독기를 쓰신다면 ‘이 기기의 앱으로 열기’를 이용하세요.",
    seconds_before: "새 QR까지",
    seconds_after: "초",
    open_here: "이 기기의 앱으로 열기",
    open_here_hint: "공무원증이 이 휴대전화에 있으면 이 단추를 누르세요. 이때는 번호를 묻지 않습니다.",
    by_browser: "브라우저에서 공무원증 고르기",
    by_browser_hint: "브라우저가 이 기기나 곁에 있는 휴대전화의 공무원증을 찾습니다. 번호를 묻지 않습니다.",
    by_browser_asking: "브라우저가 공무원증을 찾고 있습니다. 브라우저 창의 안내를 따르세요.",
    by_browser_failed: "브라우저에서 공무원증을 받지 못했습니다. 다시 누르거나 다른 방법으로 로그인하세요.",
    only_here: "여기서는 공무원증이 있는 휴대전화의 브라우저로만 로그인할 수 있습니다. 휴대전화에서 다시 열거나, 등록된 업무망의 컴퓨터를 쓰세요.",
    shared: "이 기관에 알려 주는 정보",
    shared_hint: "앱에서 동의하기 전에는 아무것도 보내지 않습니다.",
    shared_sub: "이 기관에서만 쓰는 식별자",
    pin_needed: "이 로그인에는 PIN 입력이 필요합니다.",
    waiting: "휴대전화의 응답을 기다리고 있습니다.",
    unreachable: "서버에 연결하지 못했습니다. 네트워크를 확인하세요. 연결되면 저절로 이어집니다.",
    without_script: "자바스크립트가 꺼져 있어 QR이 저절로 바뀌지 않습니다. 앱에서 동의한 뒤 아래 단추를 누르세요.",
    check: "동의했습니다. 계속",
    cancel: "취소하고 돌아가기",
    again: "새 QR로 다시 시작",
    lost: "휴대전화가 없거나 통신이 안 되나요?",
    lost_text: "휴대전화를 잃어버렸다면 바로 소속 기관 인사담당자나 보안담당자에게 분실신고를 하세요. 신고하면 공무원증이 즉시 \
                정지됩니다. 통신이 안 될 때는 이 기관의 다른 로그인 방법을 이용하세요.",
    warning: "누군가 보내 준 QR이나 번호로는 로그인하지 마세요. 주소창의 주소를 확인하세요.",
    granted: Ending {
        title: "확인되었습니다",
        why: "로그인을 마치고 기관으로 돌아갑니다.",
        next: "화면이 바뀌지 않으면 ‘계속’을 누르세요.",
    },
    continued: Ending {
        title: "새 탭에서 이어집니다",
        why: "앱이 연 브라우저 탭에서 로그인을 마칩니다.",
        next: "이 탭은 닫아도 됩니다. 새 탭이 열리지 않았다면 다시 시작하세요.",
    },
    expired: Ending {
        title: "시간이 지났습니다",
        why: "안전을 위해 로그인 화면은 5분 동안만 쓸 수 있습니다.",
        next: "다시 시작하면 새 QR과 새 번호가 나옵니다.",
    },
    denied: Ending {
        title: "휴대전화에서 거절했습니다",
        why: "앱에서 동의하지 않아 아무 정보도 보내지 않았습니다.",
        next: "직접 거절한 것이 아니라면 다른 사람이 이 QR을 찍었을 수 있습니다. 다시 시작하세요.",
    },
    number_wrong: Ending {
        title: "확인 번호가 다릅니다",
        why: "앱에 입력한 번호가 이 화면의 번호와 달라 로그인을 멈췄습니다. 번호는 한 번만 입력할 수 있습니다.",
        next: "다시 시작해 새 번호를 입력하세요. 입력한 적이 없다면 다른 사람이 이 QR을 찍은 것이니 보안담당자에게 알리세요.",
    },
    badge_suspended: Ending {
        title: "사용이 정지된 공무원증입니다",
        why: "분실신고나 인사 사유로 정지되어 로그인할 수 없습니다.",
        next: "소속 기관 인사담당자에게 해제를 요청하세요. 휴대전화를 찾았더라도 해제 전에는 쓸 수 없습니다.",
    },
    badge_revoked: Ending {
        title: "더 이상 쓸 수 없는 공무원증입니다",
        why: "폐기되었거나 새 공무원증으로 바뀌었습니다.",
        next: "새로 발급받은 휴대전화를 쓰거나 포털에서 재발급을 신청하세요.",
    },
    other_browser: Ending {
        title: "다른 브라우저에서 시작한 로그인입니다",
        why: "로그인은 시작한 브라우저에서만 마칠 수 있습니다. 쿠키가 꺼져 있어도 이렇게 보입니다.",
        next: "이 사이트의 쿠키를 허용하고, 로그인하려던 기관에서 다시 시작하세요.",
    },
    party_expired: Ending {
        title: "등록 기간이 끝난 이용기관입니다",
        why: "이 이용기관의 등록이 연장되지 않아 모바일 공무원증으로 로그인할 수 없습니다. 아무 정보도 보내지 않았습니다.",
        next: "로그인하려던 기관의 담당자에게 알려 주세요.",
    },
    device_done: Ending {
        title: "기기에서 이어집니다",
        why: "로그인이 확인되어 코드를 보여 준 기기가 스스로 이어 갑니다.",
        next: "이 화면은 닫아도 됩니다.",
    },
    logged_out: Ending {
        title: "로그아웃했습니다",
        why: "이 기관에서 쓰던 로그인을 끝냈습니다.",
        next: "다시 이용하려면 그 기관에서 새로 로그인하세요.",
    },
    no_session: Ending {
        title: "여기에는 끝낼 로그인이 없습니다",
        why: "모바일 공무원증은 브라우저에 로그인 상태를 남기지 않습니다.",
        next: "이용하던 기관에서 로그아웃했는지 확인하세요.",
    },
    go_on: "계속",
    device_title: "다른 기기에서 로그인",
    device_code: "기기에 보이는 코드",
    device_hint: "여덟 글자입니다. 예: WDJB-MJHT",
    device_next: "다음",
    device_wrong: "이 코드를 찾지 못했습니다. 기기에 보이는 코드를 다시 확인하세요. 코드는 10분 동안 쓸 수 있습니다.",
    device_waits: "틀린 코드가 너무 많이 들어왔습니다. 10분 뒤에 다시 하세요.",
    device_warning: "눈앞에 있는 기기의 코드만 입력하세요. 전화나 메시지로 받은 코드를 입력하면 그 사람이 당신으로 로그인합니다.",
    device_shown: "기기 코드",
    bad_client: Ending {
        title: "등록되지 않은 기관입니다",
        why: "로그인을 요청한 곳이 이용기관으로 등록되어 있지 않거나 등록이 끝났습니다.",
        next: "이용하려던 기관의 담당자에게 알려 주세요. 이 화면에서는 아무 정보도 보내지 않았습니다.",
    },
    bad_redirect: Ending {
        title: "돌아갈 주소가 등록과 다릅니다",
        why: "로그인을 요청한 곳이 등록하지 않은 주소로 돌려보내 달라고 했습니다. 정보를 가로채려는 시도일 수 있습니다.",
        next: "누군가 보내 준 링크로 왔다면 창을 닫으세요. 아니라면 이용하려던 기관의 담당자에게 알려 주세요.",
    },
    bad_request: Ending {
        title: "로그인 요청을 읽을 수 없습니다",
        why: "요청이 빠졌거나, 너무 길거나, 형식이 다릅니다.",
        next: "로그인하려던 기관에서 다시 시작하세요. 되풀이되면 그 기관의 담당자에게 알려 주세요.",
    },
};

static EN: Texts = Texts {
    title: "Sign in with your mobile official badge",
    to: "Signing in to",
    number: "Number to confirm",
    number_hint: "Type this number when your phone asks for it.",
    scan: "Scan the QR code with the badge app",
    steps: [
        "Open ‘Scan QR’ in the badge app.",
        "Check that the app shows the same name and address as this page.",
        "Type the number and agree.",
    ],
    qr_label: "QR code for signing in. With a screen reader, use ‘Open the app on this device’ instead.",
    seconds_before: "New code in",
    seconds_after: "s",
    open_here: "Open the app on this device",
    open_here_hint: "If your badge is on this phone, press this button. You won’t be asked for the number then.",
    by_browser: "Choose the badge in this browser",
    by_browser_hint: "The browser looks for the badge on this device or on a phone beside it. No number is asked for.",
    by_browser_asking: "The browser is looking for the badge. Follow what it shows.",
    by_browser_failed: "The browser brought no badge. Press again, or log in another way.",
    only_here: "From here this service accepts logins only by the browser of the phone that holds the badge. Open it \
                again on your phone, or use a computer in a registered network.",
    shared: "What this service will learn",
    shared_hint: "Nothing is sent before you agree in the app.",
    shared_sub: "An identifier used with this service only",
    pin_needed: "This login asks for your PIN.",
    waiting: "Waiting for your phone.",
    unreachable: "The server can’t be reached. Check your network; this page goes on by itself once it is back.",
    without_script: "Without JavaScript the code does not renew itself. Press the button once you have agreed in the app.",
    check: "I have agreed: go on",
    cancel: "Cancel and go back",
    again: "Start again with a new code",
    lost: "Phone lost, or no network?",
    lost_text: "If your phone is lost, report it at once to the HR or security officer of your agency: your badge is then \
                suspended immediately. Without network, use another way to sign in that this service offers.",
    warning: "Never sign in with a code or number that somebody sent you. Check the address bar.",
    granted: Ending {
        title: "Confirmed",
        why: "You are signed in and going back to the service.",
        next: "If the page does not change, press ‘go on’.",
    },
    continued: Ending {
        title: "Going on in a new tab",
        why: "The login is finished in the browser tab that the app opened.",
        next: "You may close this tab. If no new tab opened, start again.",
    },
    expired: Ending {
        title: "Time is up",
        why: "For safety this page works for five minutes only.",
        next: "Start again to get a new code and a new number.",
    },
    denied: Ending {
        title: "Declined on the phone",
        why: "The app did not agree, so nothing was sent.",
        next: "If it was not you, somebody else may have scanned this code. Start again.",
    },
    number_wrong: Ending {
        title: "The number does not match",
        why: "The number typed in the app differs from the one on this page, so the login was stopped. A number can be \
              typed once.",
        next: "Start again and type the new number. If you typed none, somebody else scanned this code: tell your \
               security officer.",
    },
    badge_suspended: Ending {
        title: "This badge is suspended",
        why: "It was suspended after a loss report or by your HR office and can’t be used to sign in.",
        next: "Ask the HR officer of your agency to lift the suspension. Finding the phone does not lift it.",
    },
    badge_revoked: Ending {
        title: "This badge is no longer valid",
        why: "It was revoked or replaced by a new badge.",
        next: "Use the phone with your new badge, or apply for re-issue in the portal.",
    },
    other_browser: Ending {
        title: "This login began in another browser",
        why: "A login can be finished only in the browser where it began. You also see this when cookies are off.",
        next: "Allow cookies for this site and start again from the service you wanted to sign in to.",
    },
    party_expired: Ending {
        title: "This relying party's registration has ended",
        why: "It was not renewed, so nobody can log in there with a mobile badge. Nothing was sent.",
        next: "Tell whoever runs the service that you wanted to log in to.",
    },
    device_done: Ending {
        title: "Going on at the device",
        why: "The login is confirmed; the device that showed the code goes on by itself.",
        next: "You may close this page.",
    },
    logged_out: Ending {
        title: "Signed out",
        why: "Your login at this service has ended.",
        next: "To use it again, sign in there anew.",
    },
    no_session: Ending {
        title: "There is no login to end here",
        why: "The mobile badge keeps no login in the browser.",
        next: "Check that you have signed out at the service you used.",
    },
    go_on: "Go on",
    device_title: "Sign in on another device",
    device_code: "Code on the device",
    device_hint: "Eight letters, such as WDJB-MJHT",
    device_next: "Next",
    device_wrong: "This code is unknown. Check the code on the device again; it works for ten minutes.",
    device_waits: "Too many wrong codes. Try again in ten minutes.",
    device_warning: "Type only the code of a device in front of you. With a code that you got by phone or message, its \
                     sender signs in as you.",
    device_shown: "Device code",
    bad_client: Ending {
        title: "This service is not registered",
        why: "The one who asked for this login is not a registered relying party, or no longer.",
        next: "Tell the service you wanted to use. Nothing was sent from this page.",
    },
    bad_redirect: Ending {
        title: "The return address is not registered",
        why: "The one who asked for this login wants you sent to an address that was never registered. This may be an \
              attempt to intercept your login.",
        next: "If you came by a link somebody sent you, close this window. If not, tell the service you wanted to use.",
    },
    bad_request: Ending {
        title: "This login request can’t be read",
        why: "Something is missing, too long or malformed.",
        next: "Start again from the service you wanted to sign in to. If it happens again, tell that service.",
    },
};
