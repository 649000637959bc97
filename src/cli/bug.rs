//! What is said when econc itself is at fault: a panic. The process then ends with 101.

use crate::diag::Diagnostic;
use std::any::Any;
use std::io::Write;
use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicBool, Ordering};

/// Makes a panic say that it is a bug, and what to send.
pub(super) fn install(json: bool) {
    let earlier = std::panic::take_hook();
    let said = AtomicBool::new(false);
    std::panic::set_hook(Box::new(move |info| {
        if json && !said.swap(true, Ordering::SeqCst) {
            let error = Diagnostic::error("E0987", format!("a bug in econc: {}", message(info)))
                .hint("standard error says what to send, and to whom");
            super::screen::json_failure(101, &[error]);
        }
        let _ = std::io::stderr().write_all(report(info).as_bytes());
        if std::env::var_os("RUST_BACKTRACE").is_some() {
            earlier(info);
        }
    }));
}

fn message(info: &PanicHookInfo) -> String {
    message_of(info.payload())
}

/// What a panic says.
pub(super) fn message_of(payload: &dyn Any) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|s| s.to_string())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_string())
}

fn report(info: &PanicHookInfo) -> String {
    let message = message(info);
    let place = info
        .location()
        .map_or_else(String::new, |l| format!("{}:{}", l.file(), l.line()));
    let arguments: Vec<String> = super::line().iter().map(|a| a.to_string_lossy().into_owned()).collect();
    text(&message, &place, &arguments)
}

fn text(message: &str, place: &str, arguments: &[String]) -> String {
    let to = match env!("CARGO_PKG_REPOSITORY") {
        "" => "the people who maintain econc".to_string(),
        repository => format!("{repository}/issues"),
    };
    format!(
        "\nThis is a bug in econc, not a mistake of yours.\n\n  \
         {message}\n  at {place}\n\n\
         Please send to {to}:\n  \
         the lines above,\n  \
         the version:  econc {}, {} {}\n  \
         the command:  {}\n  \
         the model file, cut down if you can, and, if possible, the output with RUST_BACKTRACE=1.\n\
         A run that had begun is marked as interrupted; nothing that was complete is touched.\n",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH,
        arguments.join(" "),
    )
}
