//! An issuing key as the ledger may have it, for the tests of every door at which credentials are judged.

use super::*;

/// What became of the key with which the server issues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Accredited,
    /// The agency is registered, and its key accredited for nothing.
    Unknown,
    OtherType,
    /// Until the end of last week.
    Expired,
    /// Since today.
    Retired,
    Deactivated,
    Revoked,
}

impl Standing {
    /// Each with the code of its refusal.
    pub(crate) const REFUSED: [(Self, &'static str); 6] = [
        (Self::Unknown, "issuer_untrusted"),
        (Self::OtherType, "issuer_not_accredited"),
        (Self::Expired, "issuer_expired"),
        (Self::Retired, "issuer_retired"),
        (Self::Deactivated, "issuer_deactivated"),
        (Self::Revoked, "issuer_revoked"),
    ];

    /// Sets a ledger up on which the key stands so.
    pub(crate) async fn set_up(self, platform: &TestPlatform) {
        let folder = folder(platform);
        match self {
            Self::Unknown | Self::OtherType | Self::Expired => {
                let members = registrar::make(&folder, 3).unwrap();
                ceremony::init(platform, Code::parse("demo").unwrap(), &members, 2).await.unwrap();
                let ground = Ground { platform, members };
                let opened = open::opened(platform).await.unwrap();
                let code = Code::parse(AGENCY).unwrap();
                let key = ceremony::issuing_key(platform).unwrap();
                ground.act(ceremony::register(platform, &opened, code, &key)).await;
                for name in ceremony::type_names(platform).unwrap() {
                    let mut wish = Wish { vct: name, ..ground.wish() };
                    match self {
                        Self::OtherType => wish.vct.push_str("/other"),
                        Self::Expired => {
                            let monday = credential::status_list::week::Week::of(wish.period.0).start();
                            wish.period = (monday - 60 * 86_400, monday);
                        }
                        _ => continue,
                    }
                    let statement = wish.statement(platform, opened.setup.network);
                    let statement = ceremony::signed(&opened, &ground.members, &statement).unwrap();
                    ground.act(ceremony::accredit(&opened, &wish, &statement).await.unwrap()).await;
                }
            }
            _ => {
                set_up_demo(platform, &folder).await.unwrap();
                self.change(platform).await;
            }
        }
    }

    /// Ends an accreditation that was in force.
    pub(crate) async fn change(self, platform: &TestPlatform) {
        let ground = Ground { platform, members: registrar::read_all(&folder(platform)).unwrap() };
        let now = platform.clock.now_ms_s().unsigned_abs();
        for name in ceremony::type_names(platform).unwrap() {
            let triple = Wish { vct: name, ..ground.wish() }.triple();
            match self {
                Self::Retired => ground.act(call::retire(triple, now)).await,
                Self::Revoked => ground.act(call::revoke(triple)).await,
                _ => {}
            }
        }
        if self == Self::Deactivated {
            ground.act(call::deactivate_agency(Code::parse(AGENCY).unwrap())).await;
        }
        // Copies are dated to the start of their week: those of this week are from before today.
        if matches!(self, Self::Retired | Self::Deactivated) {
            platform.clock.advance_ms(8 * 86_400_000);
        }
    }
}
