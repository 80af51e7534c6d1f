//! Why a door opened or did not: a number for the phone, a code for the log, a sentence for the display.

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $code:literal, $ko:literal, $en:literal;)*) => {
        /// Why a door opened or did not.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Reason { $($(#[$doc])* $name),* }

        impl Reason {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The number that goes to the phone. Below 100 the door opened.
            pub const fn number(self) -> u16 {
                match self { $(Self::$name => $number),* }
            }

            /// Stable code, as in the passage log.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code),* }
            }

            /// What the display says, in Korean.
            pub const fn ko(self) -> &'static str {
                match self { $(Self::$name => $ko),* }
            }

            /// What the display says, in English.
            pub const fn en(self) -> &'static str {
                match self { $(Self::$name => $en),* }
            }
        }
    };
}

reasons! {
    /// By a grant, on fresh knowledge.
    Granted = 1, "granted", "들어가세요", "Please enter";
    /// By a grant, on old knowledge.
    GrantedDegraded = 2, "granted_degraded", "들어가세요 (오프라인 확인)", "Please enter (checked offline)";
    /// By a grant, under a grace order.
    GrantedGrace = 3, "granted_grace", "들어가세요 (비상 명령)", "Please enter (grace order)";
    /// The same badge came twice; reported, not refused.
    GrantedPassback = 4, "granted_passback", "들어가세요 (중복 출입 기록됨)", "Please enter (repeated entry noted)";
    /// The fire input is on: the door is open for all.
    Emergency = 5, "emergency", "비상 개방 중입니다. 대피하세요", "Emergency: the door is open, leave the building";
    /// The door is kept open at this time.
    KeptOpen = 6, "kept_open", "개방 시간입니다", "The door is open at this time";
    /// With the one who needs company.
    GrantedEscort = 7, "granted_escort", "동행자와 함께 들어가세요", "Please enter together";
    /// Company is awaited.
    EscortAwaited = 100, "escort_awaited", "안내자가 이어서 태그하세요", "Your escort taps next";
    /// The phone says that it is locked.
    PhoneLocked = 101, "phone_locked", "휴대전화 화면 잠금을 풀고 다시 대세요", "Unlock your phone and tap again";
    /// The lock was opened too long ago for this zone.
    UnlockOld = 102, "unlock_old", "화면 잠금을 다시 풀고 대세요", "Unlock your phone again and tap";
    /// The badge is suspended or has ended.
    Stopped = 103, "stopped", "사용이 중지된 공무원증입니다", "This badge is stopped";
    /// The pass ran out.
    PassExpired = 104, "pass_expired", "출입권이 만료되었습니다. 네트워크에 연결한 뒤 다시 대세요", "The gate pass has run out: connect to the network and tap again";
    /// The pass is of the future.
    PassNotYet = 105, "pass_not_yet", "아직 유효하지 않은 출입권입니다", "The gate pass is not valid yet";
    /// Nothing lets this badge in here.
    NoGrant = 106, "no_grant", "출입 권한이 없는 구역입니다", "You have no access to this zone";
    /// The grant begins later.
    GrantNotYet = 107, "grant_not_yet", "출입 허가 기간 전입니다", "Your access has not begun";
    /// The grant is over.
    GrantOver = 108, "grant_over", "출입 허가 기간이 지났습니다", "Your access is over";
    /// Not at this time of the week.
    OutsideSchedule = 109, "outside_schedule", "출입 허용 시간이 아닙니다", "Not at this time";
    /// A holiday.
    Holiday = 110, "holiday", "휴일에는 들어갈 수 없습니다", "Not on a holiday";
    /// The same badge, too soon.
    PassbackTimed = 111, "passback_timed", "방금 사용한 공무원증입니다", "This badge was used just now";
    /// In twice without out, or the reverse.
    PassbackArea = 112, "passback_area", "나간 기록(들어온 기록)이 없습니다. 경비실에 문의하세요", "No matching exit or entry: ask the guard";
    /// The controller knows too little for this zone.
    Stale = 113, "stale", "출입 정보가 오래되어 열 수 없습니다. 경비실에 문의하세요", "The gate's information is too old: ask the guard";
    /// The controller does not know what time it is.
    TimeUntrusted = 114, "time_untrusted", "게이트의 시각을 믿을 수 없습니다. 경비실에 문의하세요", "The gate's clock can't be trusted: ask the guard";
    /// The door is shut for all.
    DoorShut = 115, "door_shut", "폐쇄된 출입구입니다", "This door is closed";
    /// The tap took too long: someone may stand in between.
    TooSlow = 116, "too_slow", "응답이 늦었습니다. 다시 대세요", "The answer came too late: tap again";
    /// The fast way is not taken here or now.
    StandardNeeded = 117, "standard_needed", "다시 대세요", "Tap again";
    /// The controller has no such door, or the door no zone.
    UnknownDoor = 118, "unknown_door", "설정되지 않은 출입구입니다", "This door is not set up";
    /// The passage can't be written down, so it does not take place.
    LogFull = 119, "log_full", "출입 기록을 남길 수 없어 열지 않습니다. 경비실에 문의하세요", "The passage can't be recorded: ask the guard";
    /// The code was shown before.
    QrUsed = 120, "qr_used", "이미 사용한 QR입니다", "This code was used already";
    /// The code is too old.
    QrOld = 121, "qr_old", "QR 유효 시간이 지났습니다", "This code has run out";
}

impl Reason {
    /// Whether the door opens.
    pub const fn opens(self) -> bool {
        self.number() < 100
    }

    /// Reads the number that the controller sent.
    pub fn of_number(number: u16) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.number() == number)
    }

    /// Reads a code of the passage log.
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.code() == code)
    }
}
