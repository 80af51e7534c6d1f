//! Smart card readers over PC/SC (pcscd), a thread each: a card comes, a tap is made, the card goes.

use std::ffi::CString;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use gate::pass::GateRef;
use pcsc::{Card, Context, Disposition, Protocols, ReaderState, Scope, ShareMode, State};

use super::{Carrier, Controller, wire};

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// The longest response of a card, with its status word.
const MAX_RESPONSE: usize = gate::apdu::MAX_RESPONSE + 2;

/// Reads cards at a reader whose name contains `reader`, for a door.
///
/// # Errors
/// No thread.
pub fn start(controller: Arc<Controller>, reader: String, door: GateRef) -> Result<(), AnyError> {
    let runtime = tokio::runtime::Handle::current();
    std::thread::Builder::new().name(format!("pcsc {reader}")).spawn(move || {
        loop {
            if let Err(error) = serve(&controller, &runtime, &reader, door) {
                tracing::warn!(%error, reader, "the card reader is away; tried again");
            }
            pause(Duration::from_secs(1));
        }
    })?;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a thread of its own, no worker")]
fn pause(time: Duration) {
    std::thread::sleep(time);
}

fn serve(
    controller: &Controller,
    runtime: &tokio::runtime::Handle,
    wanted: &str,
    door: GateRef,
) -> Result<(), AnyError> {
    let context = Context::establish(Scope::System)?;
    let name = find(&context, wanted)?;
    let mut states = [ReaderState::new(name.clone(), State::UNAWARE)];
    loop {
        context.get_status_change(None, &mut states)?;
        let [state] = &mut states;
        let event = state.event_state();
        state.sync_current_state();
        if event.intersects(State::UNKNOWN | State::UNAVAILABLE) {
            return Err("the reader was unplugged".into());
        }
        if !event.contains(State::PRESENT) || event.contains(State::MUTE) {
            continue;
        }
        let card = match context.connect(&name, ShareMode::Shared, Protocols::ANY) {
            Ok(card) => card,
            Err(error) => {
                tracing::debug!(%error, "the card went away");
                continue;
            }
        };
        let mut carrier = Pcsc(card);
        let shown = runtime.block_on(controller.tap(door, &mut carrier));
        println!("{}", wire::told(&shown));
        // The card stays powered: its holder takes it away.
        let _ = carrier.0.disconnect(Disposition::LeaveCard);
    }
}

fn find(context: &Context, wanted: &str) -> Result<CString, AnyError> {
    let names = context.list_readers_owned()?;
    let found = names.into_iter().find(|name| name.to_string_lossy().contains(wanted));
    found.ok_or_else(|| format!("there is no reader {wanted}").into())
}

struct Pcsc(Card);

impl Carrier for Pcsc {
    async fn transmit(&mut self, command: &[u8]) -> io::Result<Vec<u8>> {
        let mut buffer = [0; MAX_RESPONSE];
        let response = self.0.transmit(command, &mut buffer).map_err(io::Error::other)?;
        Ok(response.to_vec())
    }
}
