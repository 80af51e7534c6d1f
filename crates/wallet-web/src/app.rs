//! The app: one open wallet, one screen at a time, and the steps between them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use futures::lock::Mutex;
use wallet::Wallet;
use wallet::ports::{Clock as _, Storage as _};
use wallet::state::State;
use wallet::vault::{self, VaultKey};

use crate::browser::{self, Secrets};
use crate::dom::prelude::*;
use crate::fault::{Fault, Trouble};
use crate::place::Place;
use crate::ports::{BrowserShell, WebClock, WebStorage};
use crate::screens::{self, Rest, Screen};
use crate::settings::Settings;
use crate::texts::{self, Language};
use crate::vault_key::{Kind, Lock, keep_locked_phone};

/// The wallet of this browser.
pub type BrowserWallet = Wallet<BrowserShell>;

/// A signal of this one thread.
pub type Local<T> = RwSignal<T, LocalStorage>;

struct Inner {
    wallet: Mutex<Option<BrowserWallet>>,
    language: Rc<Cell<Language>>,
    place: Place,
    origin: String,
    /// The passkey's secret between its making and the registration, when the vault's key is made of it.
    secrets: RefCell<Option<Secrets>>,
}

/// Handle to the app; free to copy into every closure.
#[derive(Clone, Copy)]
pub struct App {
    inner: StoredValue<Rc<Inner>, LocalStorage>,
    /// What is on show.
    pub screen: Local<Screen>,
    before: Local<Vec<Screen>>,
    /// The second part of the app, once it is loaded.
    pub rest: Local<Option<&'static Rest>>,
    /// What the open wallet remembers.
    pub state: Local<Option<Rc<State>>>,
    /// A step is under way.
    pub busy: RwSignal<bool>,
    /// What went wrong with the last step of this screen.
    pub fault: RwSignal<Option<Fault>>,
    /// Language of the texts.
    pub language: RwSignal<Language>,
    /// What the person chose.
    pub settings: RwSignal<Settings>,
    /// A newer version of the app waits.
    pub newer: RwSignal<bool>,
    /// The last time the server was reached, milliseconds since 1970.
    pub reached_at: RwSignal<Option<i64>>,
    /// The last attempt to reach the server failed.
    pub offline: RwSignal<bool>,
    /// A demonstration: plainly fictional.
    pub demo: RwSignal<bool>,
    /// Whether the browser promised to keep this app's data.
    pub kept: RwSignal<Option<bool>>,
    /// What wraps the vault.
    pub lock: RwSignal<Option<Kind>>,
    /// Copies run out and the PIN was last used too long ago.
    pub pin_wanted: RwSignal<bool>,
    /// The kind of a notice that came just now.
    pub heard: RwSignal<Option<String>>,
    /// A request that came by a link while the wallet was closed.
    pub waiting_request: RwSignal<Option<String>>,
}

impl App {
    /// A new app for this tab.
    pub fn new() -> App {
        let (agent, touch, installed, language) = browser::surroundings();
        let language = Language::of(&language);
        let inner = Inner {
            wallet: Mutex::new(None),
            language: Rc::new(Cell::new(language)),
            place: Place::of(&agent, touch, installed),
            origin: window().location().origin().unwrap_or_default(),
            secrets: RefCell::new(None),
        };
        App {
            inner: StoredValue::new_local(Rc::new(inner)),
            screen: RwSignal::new_local(Screen::Opening),
            before: RwSignal::new_local(Vec::new()),
            rest: RwSignal::new_local(None),
            state: RwSignal::new_local(None),
            busy: RwSignal::new(false),
            fault: RwSignal::new(None),
            language: RwSignal::new(language),
            settings: RwSignal::new(Settings::default()),
            newer: RwSignal::new(false),
            reached_at: RwSignal::new(None),
            offline: RwSignal::new(false),
            demo: RwSignal::new(false),
            kept: RwSignal::new(None),
            lock: RwSignal::new(None),
            pin_wanted: RwSignal::new(false),
            heard: RwSignal::new(None),
            waiting_request: RwSignal::new(None),
        }
    }

    fn inner(self) -> Rc<Inner> {
        self.inner.get_value()
    }

    /// Where the app was opened.
    pub fn place(self) -> Place {
        self.inner().place
    }

    /// This server: scheme, host and port.
    pub fn origin(self) -> String {
        self.inner().origin.clone()
    }

    /// Now, milliseconds since 1970.
    pub fn now_ms(self) -> i64 {
        WebClock.now_ms()
    }

    // ---- Texts ----

    /// The text of `key`.
    pub fn t(self, key: &str) -> String {
        texts::text(self.language.get(), key)
    }

    /// The text of `key` with its blanks filled.
    pub fn tf(self, key: &str, values: &[(&str, &str)]) -> String {
        texts::format(self.language.get(), key, values)
    }

    /// Changes the language of every text and remembers it.
    pub fn speak(self, language: Language) {
        self.inner().language.set(language);
        self.language.set(language);
        if let Some(root) = document().document_element() {
            let _ = root.set_attribute("lang", language.tag());
        }
    }

    /// Changes a setting and writes it.
    pub fn set(self, change: impl FnOnce(&mut Settings)) {
        self.settings.update(change);
        let settings = self.settings.get_untracked();
        self.spawn(async move { Ok(settings.save().await?) });
    }

    // ---- Screens ----

    /// Shows a screen; there is no way back from it but its own.
    pub fn show(self, screen: Screen) {
        browser::camera_stop();
        self.before.update(Vec::clear);
        self.fault.set(None);
        self.screen.set(screen);
    }

    /// Shows a screen that leads back to this one.
    pub fn open(self, screen: Screen) {
        browser::camera_stop();
        let from = self.screen.get_untracked();
        self.before.update(|before| before.push(from));
        self.fault.set(None);
        self.screen.set(screen);
    }

    /// Back to the screen before, or home.
    pub fn back(self) {
        browser::camera_stop();
        let mut last = None;
        self.before.update(|before| last = before.pop());
        self.fault.set(None);
        self.screen.set(last.unwrap_or(Screen::Home));
    }

    // ---- Steps ----

    /// The second part of the app; loaded when it is first asked for.
    pub async fn rest(self) -> Result<&'static Rest, Trouble> {
        if let Some(rest) = self.rest.get_untracked() {
            return Ok(rest);
        }
        let rest = screens::load().await?;
        // Whoever else waited for it may have been first; the screen must not be made twice.
        if self.rest.with_untracked(Option::is_none) {
            self.rest.set(Some(rest));
        }
        Ok(rest)
    }

    /// Runs a step; the screen is busy meanwhile, and what goes wrong is told on it.
    pub fn run(self, step: impl Future<Output = Result<(), Trouble>> + 'static) {
        if self.busy.get_untracked() {
            return;
        }
        self.busy.set(true);
        self.fault.set(None);
        wasm_bindgen_futures::spawn_local(async move {
            let outcome = step.await;
            self.busy.set(false);
            if let Err(trouble) = outcome {
                self.tell(&trouble);
            }
        });
    }

    /// Runs something beside the screen; what goes wrong is not told, because nothing was asked for.
    pub fn spawn(self, work: impl Future<Output = Result<(), Trouble>> + 'static) {
        wasm_bindgen_futures::spawn_local(async move {
            let _ = work.await;
        });
    }

    /// Tells what went wrong; an account that is locked, suspended or closed has a screen of its own.
    pub fn tell(self, trouble: &Trouble) {
        match trouble.code().as_str() {
            "account_locked" => self.show(Screen::Locked),
            "account_suspended" => self.show(Screen::Suspended),
            "new_pin_needed" => self.show(Screen::NewPinCode),
            "account_closed" => self.spawn(self.wipe()),
            _ => self.fault.set(Some(trouble.told(self.language.get_untracked()))),
        }
    }

    /// Works on the open wallet, alone; what the wallet remembers is on show afterwards.
    pub async fn with<R>(self, work: impl AsyncFnOnce(&mut BrowserWallet) -> R) -> Result<R, Trouble> {
        let inner = self.inner();
        let mut guard = inner.wallet.lock().await;
        let wallet = guard.as_mut().ok_or(Trouble::Own("vault_closed"))?;
        let result = work(wallet).await;
        self.note(wallet);
        Ok(result)
    }

    /// Shows what the wallet remembers now. Compiled once, not once for each work.
    #[inline(never)]
    fn note(self, wallet: &BrowserWallet) {
        self.state.set(Some(Rc::new(wallet.state().clone())));
    }

    /// The server answered just now.
    pub fn reached(self) {
        let now = self.now_ms();
        self.offline.set(false);
        self.reached_at.set(Some(now));
        self.set(|settings| settings.reached_at = Some(now));
    }

    /// Whether the server said that the account is suspended.
    pub fn is_suspended(self) -> bool {
        let suspended = wallet::account::messages::AccountState::Suspended;
        let state = self.state.get();
        state
            .and_then(|state| state.account.as_ref().map(|account| account.state == suspended))
            .unwrap_or(false)
    }

    // ---- The vault ----

    /// The lock of the vault that is there; `None` if there is no vault.
    pub async fn vault_lock(self) -> Result<Option<Lock>, Trouble> {
        let Some(blob) = WebStorage.load().await.map_err(wallet::OpenError::from)? else { return Ok(None) };
        let hint = vault::hint(&blob).map_err(wallet::OpenError::from)?;
        Ok(Some(Lock::of(hint).await?))
    }

    /// Opens the vault that is there; the person confirms where there is a passkey.
    pub async fn unlock(self, lock: &Lock) -> Result<(), Trouble> {
        let key = lock.open(self).await?;
        let opened = Wallet::open(self.shell(), key).await?;
        self.take(opened, lock.kind).await;
        Ok(())
    }

    /// A new, empty vault, until there is a passkey under a key of this browser profile.
    pub async fn create(self) -> Result<(), Trouble> {
        let (lock, key) = Lock::local().await?;
        lock.save().await?;
        let made = Wallet::create(self.shell(), key, lock.hint()).await?;
        self.take(made, lock.kind).await;
        self.kept.set(Some(browser::ask_to_persist().await));
        Ok(())
    }

    /// Puts the vault under another lock.
    pub async fn relock(self, (lock, key): (Lock, VaultKey)) -> Result<(), Trouble> {
        lock.save().await?;
        let phone = self
            .with(async |wallet| {
                wallet.rekey(key, lock.hint()).await?;
                Ok::<_, wallet::OpenError>(wallet.locked_phone())
            })
            .await??;
        if let Some(phone) = phone {
            keep_locked_phone(&phone).await?;
        }
        self.lock.set(Some(lock.kind));
        lock.keep_only().await
    }

    /// Keeps the passkey's secrets until the registration is done.
    pub fn keep_secrets(self, secrets: Option<Secrets>) {
        *self.inner().secrets.borrow_mut() = secrets;
    }

    /// The passkey's secrets, once.
    pub fn take_secrets(self) -> Option<Secrets> {
        self.inner().secrets.borrow_mut().take()
    }

    async fn take(self, wallet: BrowserWallet, kind: Kind) {
        self.note(&wallet);
        self.lock.set(Some(kind));
        *self.inner().wallet.lock().await = Some(wallet);
    }

    /// The browser as the wallet sees it.
    pub fn shell(self) -> BrowserShell {
        BrowserShell::new(Rc::clone(&self.inner().language))
    }

    /// Whether the wallet is open.
    pub fn is_open(self) -> bool {
        self.state.with_untracked(Option::is_some)
    }

    /// Closes the wallet: nothing of the vault stays in memory.
    pub async fn close(self) {
        *self.inner().wallet.lock().await = None;
        self.state.set(None);
        self.show(Screen::Unlock);
    }

    /// Deletes everything this app keeps, and says why.
    pub async fn wipe(self) -> Result<(), Trouble> {
        if let Ok(wiped) = self.with(async |wallet| wallet.wipe().await).await {
            wiped?;
        }
        *self.inner().wallet.lock().await = None;
        self.state.set(None);
        browser::erase_all().await?;
        self.settings.get_untracked().save().await?;
        self.show(Screen::Wiped);
        Ok(())
    }
}
