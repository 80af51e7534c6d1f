//! The controller: the program beside the doors. It decides alone, from signed pages on its own disk.
//!
//! ```text
//! server ──pages──▶ cache ─▶ Mind ◀── taps, codes ── readers (network lines)
//!        ◀─lines─── log  ◀───┘ └────▶ door, display
//! ```
//!
//! A passage is written and safe before its door opens: a loss of power at any moment leaves a door shut or a line written.

pub mod cache;
pub mod client;
pub mod disk;
pub mod display;
mod kiosk;
pub mod log;
pub mod run;
mod standing;
pub mod wire;

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use gate::decision::{Alarm, Arrival, Decision, DoorState, Input, Mind, Moment, Reason, TrustedClock};
use gate::entry_code::{CodeError, EntryCode, UsedCodes};
use gate::fast::ReaderKeys;
use gate::feed::{Direction, Door};
use gate::grace::{Order, OrderError};
use gate::pass::{GateRef, Pass};
use gate::passage::Entry;
use gate::reader::{self, Draw, Identity, Proved, Tap, TapError};
use gate::wire::{Evidence, GateId, Verdict};
use keys::PublicKey;

use self::cache::{Cache, PageError};
use self::disk::{Folder, Papers};
use self::log::Log;
use crate::operations::Clock;

/// How a reader carries APDUs.
pub trait Carrier {
    /// Sends a command, gives the response.
    fn transmit(&mut self, command: &[u8]) -> impl Future<Output = io::Result<Vec<u8>>> + Send;
}

/// What a door shows and does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Whether it opened.
    pub opened: bool,
    /// Stable code.
    pub code: &'static str,
    /// For the display, in Korean.
    pub ko: &'static str,
    /// For the display, in English.
    pub en: &'static str,
    /// Age of what the controller knows (ms).
    pub age_ms: Option<i64>,
    /// The grace order that was used.
    pub order: Option<String>,
    /// Whether the fast way was taken.
    pub fast: bool,
}

impl Shown {
    fn of(reason: Reason) -> Self {
        Self {
            opened: reason.opens(),
            code: reason.code(),
            ko: reason.ko(),
            en: reason.en(),
            age_ms: None,
            order: None,
            fast: false,
        }
    }

    fn failed(error: TapError) -> Self {
        match error {
            TapError::Locked => Self::of(Reason::PhoneLocked),
            TapError::NoPass => Self::of(Reason::PassExpired),
            error => Self {
                code: error.code(),
                ko: "공무원증을 확인하지 못했습니다. 다시 대세요",
                en: "The badge could not be checked: tap again",
                ..Self::of(Reason::StandardNeeded)
            },
        }
    }
}

/// What happened at a door, for its display and its reader's lamp.
#[derive(Debug, Clone)]
pub struct Happened {
    /// Which door.
    pub door: GateRef,
    /// What was decided.
    pub shown: Option<Shown>,
    /// What was reported: the code of an alarm, or what a reader told.
    pub alarm: Option<&'static str>,
}

/// What a reader on a supervised line tells of itself (`reader …`), and its code in the log.
const OF_READERS: &[(&str, &str)] = &[
    ("lost", "reader_lost"),
    ("back", "reader_back"),
    ("tamper", "reader_tamper"),
    ("key", "reader_key_wrong"),
    ("default-key", "reader_default_key"),
    ("installed", "reader_installed"),
    ("unproved", "card_unproved"),
];

/// Which of these go on until the reader is back.
const LASTING: &[&str] = &["reader_lost", "reader_tamper", "reader_key_wrong", "reader_default_key"];

/// How many happenings a slow display may miss before it is told the newest only.
const HAPPENINGS: usize = 64;

struct Inner {
    mind: Mind,
    cache: Cache,
    log: Log,
    clock: TrustedClock,
    keys: ReaderKeys,
    used: UsedCodes,
    doors: BTreeMap<GateRef, DoorState>,
    /// What is wrong with a door's reader, and goes on.
    readers: BTreeMap<GateRef, &'static str>,
}

/// A controller, shared by its readers and its connection to the server.
pub struct Controller {
    inner: Mutex<Inner>,
    folder: Folder,
    papers: Mutex<Papers>,
    key: Arc<keys::SecretKey>,
    group: [u8; 16],
    system: Arc<dyn Clock>,
    began: tokio::time::Instant,
    happenings: tokio::sync::broadcast::Sender<Happened>,
}

impl std::fmt::Debug for Controller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Controller(…)")
    }
}

impl Controller {
    /// Opens the controller of a folder as it was left, also by a loss of power.
    ///
    /// # Errors
    /// It was never enrolled, or its files are damaged.
    pub fn open(folder: Folder, system: Arc<dyn Clock>) -> io::Result<Arc<Self>> {
        let (papers, key) = folder.papers()?.ok_or_else(|| {
            io::Error::new(io::ErrorKind::NotFound, "this controller is not enrolled: mapae gate enrol")
        })?;
        let damaged = |what: &'static str| io::Error::new(io::ErrorKind::InvalidData, what);
        let feed_key = PublicKey::from_jwk(&papers.feed_key).map_err(|_| damaged("controller.json"))?;
        let GateRef(group) =
            GateRef::try_from(papers.group.clone()).map_err(|_| damaged("controller.json"))?;
        let (cache, book) = Cache::open(folder.clone(), feed_key, papers.controller.clone())?;
        let (log, lines) = Log::open(folder.clone())?;
        let clock = TrustedClock::restored(book.at());
        let mut mind = Mind::new(book);
        for line in lines {
            if let (Some(gate_ref), true) = (line.entry.gate_ref, line.entry.opened) {
                mind.passed(&line.entry.door, gate_ref, line.entry.at);
            }
        }
        let controller = Self {
            inner: Mutex::new(Inner {
                mind,
                cache,
                log,
                clock,
                keys: ReaderKeys::new(group),
                used: UsedCodes::default(),
                doors: BTreeMap::new(),
                readers: BTreeMap::new(),
            }),
            folder,
            papers: Mutex::new(papers),
            key: Arc::new(key),
            group,
            system,
            began: tokio::time::Instant::now(),
            happenings: tokio::sync::broadcast::channel(HAPPENINGS).0,
        };
        if let Some(order) = controller.folder.read("grace.order")?
            && let Err(error) = controller.take_order(&order)
        {
            tracing::warn!(code = error.code(), "the grace order on disk does not count");
        }
        Ok(Arc::new(controller))
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        // A panic elsewhere leaves what was written; nothing here is half done in memory.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn papers(&self) -> Papers {
        self.papers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn monotonic_ms(&self) -> i64 {
        i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    fn moment(&self, inner: &Inner) -> Moment {
        inner.clock.now(self.system.now_ms(), self.monotonic_ms())
    }

    /// Takes a page of the feed in.
    ///
    /// # Errors
    /// See [`PageError`]; on a gap the connection begins anew with what is known.
    pub fn take_page(&self, text: &str) -> Result<(), PageError> {
        let mut inner = self.inner();
        let Inner { mind, cache, keys, clock, .. } = &mut *inner;
        let taken = cache.take(&mut mind.book, text);
        // A stop is in the book already: the keys go, whatever the disk said.
        match &taken {
            Ok(stopped) => stopped.iter().for_each(|gate_ref| keys.forget(gate_ref)),
            Err(PageError::Disk(_)) => keys.clear(),
            Err(_) => {}
        }
        clock.signed(mind.book.at(), self.monotonic_ms());
        taken.map(drop)
    }

    /// Where the feed goes on: its name and the number of the last record; everything when too much lies on disk.
    pub fn known(&self) -> (String, u64) {
        let inner = self.inner();
        if inner.cache.is_long() {
            return (String::new(), 0);
        }
        (inner.mind.book.feed().to_owned(), inner.mind.book.seq())
    }

    /// Takes a grace order in, and keeps it.
    ///
    /// # Errors
    /// It does not count.
    pub fn take_order(&self, file: &str) -> Result<Order, OrderError> {
        let mut inner = self.inner();
        let now = self.moment(&inner);
        let order = Order::verify(file, inner.mind.book.officers(), now.ms)?;
        if let Err(error) = self.folder.replace("grace.order", file.as_bytes()) {
            tracing::warn!(%error, "the grace order counts, but is not kept on disk");
        }
        inner.mind.order = Some(order.clone());
        Ok(order)
    }

    /// One tap, from SELECT to EXCHANGE.
    pub async fn tap(&self, door: GateRef, carrier: &mut impl Carrier) -> Shown {
        let shown = match self.exchange(door, carrier).await {
            Ok(shown) => shown,
            Err(error) => {
                let shown = Shown::failed(error);
                self.note(door, shown.code, "standard");
                shown
            }
        };
        self.happened(Happened { door, shown: Some(shown.clone()), alarm: None });
        shown
    }

    /// Nobody may be listening.
    fn happened(&self, happened: Happened) {
        let _ = self.happenings.send(happened);
    }

    fn alarmed(&self, door: GateRef, code: &'static str) {
        self.note(door, code, "");
        self.happened(Happened { door, shown: None, alarm: Some(code) });
    }

    /// What happens from now on.
    pub fn happenings(&self) -> tokio::sync::broadcast::Receiver<Happened> {
        self.happenings.subscribe()
    }

    /// What a reader on a supervised line tells of itself; its code in the log, or `None` for a word that is not known.
    pub fn reader(&self, door: GateRef, word: &str) -> Option<&'static str> {
        let (_, code) = OF_READERS.iter().find(|(known, _)| *known == word)?;
        match *code {
            code if LASTING.contains(&code) => drop(self.inner().readers.insert(door, code)),
            "reader_back" | "reader_installed" => drop(self.inner().readers.remove(&door)),
            _ => {}
        }
        self.alarmed(door, code);
        Some(code)
    }

    async fn exchange(&self, door: GateRef, carrier: &mut impl Carrier) -> Result<Shown, TapError> {
        let gate = GateId { group: self.group, door: door.0 };
        let (now, may_fast) = {
            let inner = self.inner();
            let now = self.moment(&inner);
            (now, inner.mind.may_fast(&door, now))
        };
        let (command, selecting) = reader::select();
        let response = carried(carrier, &command).await?;
        let (command, opening) =
            selecting.answered(&response, Draw::fresh(), gate, now.seconds(), may_fast)?;
        let asked = self.monotonic_ms();
        let answered = opening.answered(&carried(carrier, &command).await?)?;
        let kept = answered.hint().and_then(|hint| self.inner().keys.find(hint, now.seconds()));
        let tap = match kept.and_then(|kept| answered.fast(&kept)) {
            Some(tap) => tap,
            None => self.standard(answered, carrier).await?,
        };
        let took_ms = u32::try_from(self.monotonic_ms().saturating_sub(asked)).ok();
        let arrival = Arrival { door, pass: &tap.pass, evidence: tap.evidence, fast: tap.fast, took_ms };
        let fast = tap.fast;
        let (mut decision, place) = self.decide(&arrival, if fast { "fast" } else { "standard" });
        // What could not be told to the phone is not remembered for the next time.
        let verdict = Verdict {
            open: decision.reason.opens(),
            keep: decision.keep,
            reason: decision.reason.number(),
            place,
        };
        let (command, closing) = tap.decide(&verdict)?;
        match carried(carrier, &command).await.and_then(|response| closing.answered(&response)) {
            Ok(Some(remembered)) => self.inner().keys.keep(remembered, now.seconds()),
            Ok(None) => {}
            // The card was taken away with its answer; the decision stands.
            Err(_) => decision.keep = false,
        }
        Ok(shown(&decision, fast))
    }

    async fn standard(
        &self,
        answered: reader::Answered,
        carrier: &mut impl Carrier,
    ) -> Result<Tap, TapError> {
        let certificate = keys::encoding::b64url_decode(&self.papers().certificate);
        let certificate = certificate.map_err(|_| TapError::Sign)?;
        let signer: Arc<dyn keys::Signer> = Arc::<keys::SecretKey>::clone(&self.key);
        let (mut command, mut proving) = answered.prove(&Identity { certificate, signer })?;
        loop {
            let response = carried(carrier, &command).await?;
            let authorities = self.inner().mind.book.authorities().to_vec();
            match proving.answered(&response, &authorities)? {
                Proved::More(next, more) => (command, proving) = (next, more),
                Proved::Tap(tap) => return Ok(tap),
            }
        }
    }

    /// An entry code that a reader of codes saw.
    pub fn code(&self, door: GateRef, text: &str) -> Shown {
        let shown = self.judge_code(door, text);
        self.happened(Happened { door, shown: Some(shown.clone()), alarm: None });
        shown
    }

    fn judge_code(&self, door: GateRef, text: &str) -> Shown {
        let read = {
            let mut inner = self.inner();
            let now_s = self.moment(&inner).seconds();
            let authorities = inner.mind.book.authorities().to_vec();
            EntryCode::verify(text, &authorities, now_s)
                .and_then(|code| inner.used.use_once(&code, now_s).map(|()| code))
        };
        let (pass, evidence): (Pass, Evidence) = match read {
            Ok(code) => (code.pass, code.evidence),
            Err(error) => {
                let shown = match error {
                    CodeError::Used => Shown::of(Reason::QrUsed),
                    CodeError::Old => Shown::of(Reason::QrOld),
                    CodeError::Malformed | CodeError::Proof => Shown::failed(TapError::Proof),
                };
                self.note(door, shown.code, "code");
                return shown;
            }
        };
        let arrival = Arrival { door, pass: &pass, evidence, fast: false, took_ms: None };
        let (decision, _) = self.decide(&arrival, "code");
        shown(&decision, false)
    }

    /// Decides, writes the passage, opens the door: in this order.
    fn decide(&self, arrival: &Arrival<'_>, way: &str) -> (Decision, String) {
        let mut inner = self.inner();
        let now = self.moment(&inner);
        let Inner { mind, log, doors, .. } = &mut *inner;
        let state = doors.entry(arrival.door).or_default();
        let mut decision = mind.decide(arrival, state.fire(), now);
        let door = mind.book.door(&arrival.door).cloned();
        let entry = Entry {
            at: now.ms,
            door: arrival.door,
            direction: door.as_ref().map_or(Direction::In, |door| door.direction),
            opened: decision.reason.opens(),
            code: decision.reason.code().to_owned(),
            gate_ref: Some(arrival.pass.gate_ref),
            grant: decision.grant.clone(),
            order: decision.order.clone(),
            age_ms: decision.age_ms,
            seq: mind.book.seq(),
            way: way.to_owned(),
        };
        if let Err(error) = log.write(entry) {
            tracing::error!(%error, "a passage can't be written down");
            // Fire opens whether or not it can be written.
            if decision.reason.opens() && decision.reason != Reason::Emergency {
                decision.reason = Reason::LogFull;
                decision.keep = false;
            }
        }
        if let (Some(door), true) = (&door, decision.reason.opens()) {
            mind.passed(&arrival.door, arrival.pass.gate_ref, now.ms);
            state.release(door, decision.people, self.monotonic_ms());
        }
        (decision, door.map(|door| door.name.ko).unwrap_or_default())
    }

    /// What a door's contacts tell.
    pub fn input(&self, door: GateRef, input: Input) -> Vec<Alarm> {
        let alarms = {
            let mut inner = self.inner();
            let now = self.moment(&inner);
            let Inner { mind, doors, .. } = &mut *inner;
            let kept_open = mind.book.door(&door).is_some_and(|known| mind.kept_open(known, now));
            doors.entry(door).or_default().input(input, kept_open, self.monotonic_ms())
        };
        alarms.iter().for_each(|alarm| self.alarmed(door, alarm.code()));
        alarms
    }

    /// Time passes at every door; gives what is to be reported.
    pub fn tick(&self) -> Vec<(GateRef, Alarm)> {
        let alarms: Vec<(GateRef, Alarm)> = {
            let mut inner = self.inner();
            let now = self.moment(&inner);
            let Inner { mind, doors, .. } = &mut *inner;
            let at = self.monotonic_ms();
            let each = doors.iter_mut().filter_map(|(id, state)| {
                let kept_open = mind.book.door(id).is_some_and(|known| mind.kept_open(known, now));
                state.tick(kept_open, at).map(|alarm| (*id, alarm))
            });
            each.collect()
        };
        alarms.iter().for_each(|(door, alarm)| self.alarmed(*door, alarm.code()));
        alarms
    }

    /// Whether a door's lock is open now.
    pub fn unlocked(&self, id: GateRef) -> bool {
        let inner = self.inner();
        let now = self.moment(&inner);
        let Some(door) = inner.mind.book.door(&id) else { return false };
        let kept_open = inner.mind.kept_open(door, now);
        let state = inner.doors.get(&id).cloned().unwrap_or_default();
        state.unlocked(door, kept_open, self.monotonic_ms())
    }

    /// Writes down what was no passage. A log that is full says so already.
    fn note(&self, door: GateRef, code: &str, way: &str) {
        let mut inner = self.inner();
        let now = self.moment(&inner);
        let entry = Entry {
            at: now.ms,
            door,
            direction: inner.mind.book.door(&door).map_or(Direction::In, |door| door.direction),
            opened: false,
            code: code.to_owned(),
            gate_ref: None,
            grant: None,
            order: None,
            age_ms: inner.mind.book.age_ms(now.ms),
            seq: inner.mind.book.seq(),
            way: way.to_owned(),
        };
        if let Err(error) = inner.log.write(entry) {
            tracing::error!(%error, code, "not written down");
        }
    }

    /// How many badges it knows to be stopped.
    pub fn stopped(&self) -> usize {
        self.inner().mind.book.stopped()
    }

    /// The doors.
    pub fn doors(&self) -> Vec<Door> {
        self.inner().mind.book.doors().cloned().collect()
    }
}

fn shown(decision: &Decision, fast: bool) -> Shown {
    Shown { age_ms: decision.age_ms, order: decision.order.clone(), fast, ..Shown::of(decision.reason) }
}

/// A card that is taken away in the middle is no card of ours.
async fn carried(carrier: &mut impl Carrier, command: &[u8]) -> Result<Vec<u8>, TapError> {
    let time = crate::operations::limits::GATE_TAP_TIME.duration();
    match tokio::time::timeout(time, carrier.transmit(command)).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(_)) | Err(_) => Err(TapError::Malformed),
    }
}
