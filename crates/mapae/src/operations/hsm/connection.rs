//! One connection to the token: the module's context, the slot, sessions in a pool, and the handles that were found.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, PoisonError};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;

use super::HsmError;
use crate::operations::{config, limits};

/// What the labels of our keys begin with.
pub(super) const PREFIX: &str = "mapae-";

/// A key in the token, as it may be shown.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct HeldKey {
    /// Its CKA_LABEL.
    pub label: String,
    /// Its CKA_ID in hexadecimal digits; empty for a key that seals.
    pub id: String,
    /// Whether it can't be read in the clear (CKA_SENSITIVE).
    pub sensitive: bool,
    /// Whether it may leave the token at all, wrapped (CKA_EXTRACTABLE).
    pub extractable: bool,
    /// Whether that was so at all times (CKA_ALWAYS_SENSITIVE and CKA_NEVER_EXTRACTABLE).
    pub always: bool,
}

pub(super) struct Connection {
    number: u64,
    context: Pkcs11,
    slot: Slot,
    label: String,
    limit: usize,
    sessions: Mutex<Sessions>,
    freed: Condvar,
    handles: Mutex<HashMap<Vec<u8>, ObjectHandle>>,
}

struct Sessions {
    idle: Vec<Session>,
    open: usize,
    /// Keeps us logged in: a token forgets who is there when the last session ends.
    _first: Session,
}

impl Connection {
    pub(super) fn make(number: u64, settings: &config::Hsm, pin: &AuthPin) -> Result<Self, String> {
        let context = Pkcs11::new(&settings.module)
            .map_err(|error| format!("module {}: {error}", settings.module.display()))?;
        match context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
            Err(error) => return Err(error.to_string()),
        }
        let made = Self::log_in(&context, settings, pin);
        let (slot, first) = match made {
            Ok(made) => made,
            Err(error) => {
                // So that the next attempt looks at the slots anew.
                let _ = context.finalize();
                return Err(error);
            }
        };
        Ok(Self {
            number,
            context,
            slot,
            label: settings.token.clone(),
            limit: settings.sessions.max(1),
            sessions: Mutex::new(Sessions { idle: Vec::new(), open: 0, _first: first }),
            freed: Condvar::new(),
            handles: Mutex::new(HashMap::new()),
        })
    }

    fn log_in(context: &Pkcs11, settings: &config::Hsm, pin: &AuthPin) -> Result<(Slot, Session), String> {
        let told = |error: Error| error.to_string();
        let mut found = Vec::new();
        for slot in context.get_slots_with_token().map_err(told)? {
            if context.get_token_info(slot).is_ok_and(|token| token.label() == settings.token) {
                found.push(slot);
            }
        }
        let slot = match found.as_slice() {
            [slot] => *slot,
            [] => return Err("no slot has a token of this label".into()),
            _ => return Err("more than one slot has a token of this label".into()),
        };
        let session = context.open_rw_session(slot).map_err(told)?;
        match session.login(UserType::User, Some(pin)) {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok((slot, session)),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Ends every session and lets go of the module, so that it forgets what it knew of its slots.
    pub(super) fn end(self) {
        let Self { context, sessions, .. } = self;
        drop(sessions);
        let _ = context.finalize();
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// A session; waits for one while as many as may be are in use.
    pub(super) fn session(&self) -> Result<Leased<'_>, HsmError> {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(session) = sessions.idle.pop() {
                return Ok(Leased { connection: self, session: Some(session) });
            }
            if sessions.open < self.limit {
                let session = self.context.open_rw_session(self.slot).map_err(|error| self.told(error))?;
                sessions.open += 1;
                return Ok(Leased { connection: self, session: Some(session) });
            }
            let waited = self.freed.wait_timeout(sessions, limits::HSM_WAIT.duration());
            let (back, late) = waited.unwrap_or_else(PoisonError::into_inner);
            if late.timed_out() && back.idle.is_empty() {
                return Err(HsmError::Busy);
            }
            sessions = back;
        }
    }

    /// The one object that fits, remembered under `name`.
    pub(super) fn handle(
        &self,
        session: &Session,
        name: &[u8],
        template: &[Attribute],
        shown: impl Fn() -> String,
    ) -> Result<ObjectHandle, HsmError> {
        let known = self.handles.lock().unwrap_or_else(PoisonError::into_inner).get(name).copied();
        if let Some(handle) = known {
            return Ok(handle);
        }
        let found = session.find_objects(template).map_err(|error| self.told(error))?;
        match found.as_slice() {
            [handle] => {
                let mut handles = self.handles.lock().unwrap_or_else(PoisonError::into_inner);
                handles.insert(name.to_vec(), *handle);
                Ok(*handle)
            }
            [] => Err(HsmError::Missing(shown())),
            _ => Err(HsmError::Twice(shown())),
        }
    }

    /// Forgets a handle: its object is gone.
    pub(super) fn forget(&self, name: &[u8]) {
        self.handles.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    pub(super) fn held(&self, session: &Session) -> Result<Vec<HeldKey>, HsmError> {
        let mut held = Vec::new();
        for class in [ObjectClass::SECRET_KEY, ObjectClass::PRIVATE_KEY] {
            let template = [Attribute::Class(class), Attribute::Token(true)];
            for object in session.find_objects(&template).map_err(|error| self.told(error))? {
                let key = self.describe(session, object)?;
                held.extend(key.filter(|key| key.label.starts_with(PREFIX)));
            }
        }
        held.sort_by(|a, b| (&a.label, &a.id).cmp(&(&b.label, &b.id)));
        Ok(held)
    }

    fn describe(&self, session: &Session, object: ObjectHandle) -> Result<Option<HeldKey>, HsmError> {
        let asked = [
            AttributeType::Label,
            AttributeType::Id,
            AttributeType::Sensitive,
            AttributeType::Extractable,
            AttributeType::AlwaysSensitive,
            AttributeType::NeverExtractable,
        ];
        let told = match session.get_attributes(object, &asked) {
            Ok(told) => told,
            // Removed meanwhile by another process.
            Err(Error::Pkcs11(RvError::ObjectHandleInvalid, _)) => return Ok(None),
            Err(error) => return Err(self.told(error)),
        };
        let mut key = HeldKey {
            label: String::new(),
            id: String::new(),
            sensitive: false,
            extractable: true,
            always: false,
        };
        let (mut never_read, mut never_out) = (false, false);
        for attribute in told {
            match attribute {
                Attribute::Label(label) => key.label = String::from_utf8_lossy(&label).into_owned(),
                Attribute::Id(id) => key.id = keys::encoding::hex_encode(&id),
                Attribute::Sensitive(is) => key.sensitive = is,
                Attribute::Extractable(is) => key.extractable = is,
                Attribute::AlwaysSensitive(is) => never_read = is,
                Attribute::NeverExtractable(is) => never_out = is,
                _ => {}
            }
        }
        key.always = never_read && never_out;
        Ok(Some(key))
    }

    /// An error of the module as ours.
    pub(super) fn told(&self, error: Error) -> HsmError {
        match error {
            Error::Pkcs11(RvError::EncryptedDataInvalid | RvError::EncryptedDataLenRange, _) => {
                HsmError::Refused
            }
            error => HsmError::Away { label: self.label.clone(), reason: error.to_string() },
        }
    }
}

/// A session of the pool, given back when it goes out of scope.
pub(super) struct Leased<'a> {
    connection: &'a Connection,
    session: Option<Session>,
}

impl Leased<'_> {
    /// Does not give it back: it is closed.
    pub(super) fn spoil(&mut self) {
        self.session = None;
    }
}

impl std::ops::Deref for Leased<'_> {
    type Target = Session;

    fn deref(&self) -> &Session {
        match &self.session {
            Some(session) => session,
            None => spoiled(),
        }
    }
}

#[allow(clippy::panic, reason = "a session is spoiled by the last who holds it")]
fn spoiled() -> ! {
    panic!("a spoiled session is not used")
}

impl Drop for Leased<'_> {
    fn drop(&mut self) {
        let mut sessions = self.connection.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        match self.session.take() {
            Some(session) => sessions.idle.push(session),
            None => sessions.open = sessions.open.saturating_sub(1),
        }
        self.connection.freed.notify_one();
    }
}
