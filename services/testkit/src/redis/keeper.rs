//! Starts processes that end with this one, also when it is killed.
//!
//! The kernel's parent-death signal is tied to the *thread* that started the child, and the threads of tests come and
//! go. One thread that lives as long as the process therefore does all the starting.

use std::{
    ffi::{OsStr, OsString},
    io,
    process::{Child, Command},
    sync::{
        OnceLock,
        mpsc::{SyncSender, sync_channel},
    },
    thread,
};

/// A command that is wrapped in `setpriv --pdeathsig KILL`; the process keeps its id through the wrapping.
pub(super) fn command(words: impl IntoIterator<Item = OsString>) -> Command {
    let mut command = Command::new("setpriv");
    command
        .arg("--pdeathsig")
        .arg(OsStr::new("KILL"))
        .args(words);
    command
}

/// Starts `command` from the thread that lives longest.
pub(super) fn start(command: Command) -> io::Result<Child> {
    static KEEPER: OnceLock<SyncSender<Order>> = OnceLock::new();
    let keeper = KEEPER.get_or_init(|| {
        let (orders, queue) = sync_channel::<Order>(16);
        let work = move || {
            for mut order in queue {
                // Whoever ordered may have panicked meanwhile; then nobody waits for the child.
                drop(order.answer.send(order.command.spawn()));
            }
        };
        let name = "process keeper".to_owned();
        let thread = thread::Builder::new().name(name).spawn(work);
        thread.expect("a thread can be started");
        orders
    });
    let (answer, started) = sync_channel(1);
    let order = Order { command, answer };
    keeper.send(order).expect("the keeper never ends");
    started.recv().expect("the keeper answers every order")
}

struct Order {
    command: Command,
    answer: SyncSender<io::Result<Child>>,
}
