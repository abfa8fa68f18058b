//! A program on a pseudo-terminal, and what a person sees there.

use std::{
    fs::File,
    io::{Read, Write},
    os::fd::OwnedFd,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    fs::{Mode, OFlags},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize},
};

/// How long anything may take that usually takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// The terminal, with the program that it controls.
pub(crate) struct Screen {
    child: Child,
    /// Where a person sits.
    person: File,
    /// The program's side: its modes are looked at when it has ended.
    program: OwnedFd,
    seen: Arc<Mutex<Seen>>,
}

struct Seen {
    bytes: Vec<u8>,
    terminal: vt100::Parser,
}

impl Screen {
    /// Starts what `change` adds to a command: program and arguments. The window has so many lines and columns.
    pub(crate) fn new((lines, columns): (u16, u16), change: impl FnOnce(&mut Command)) -> Self {
        let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&person).unwrap();
        unlockpt(&person).unwrap();
        let name = ptsname(&person, Vec::new()).unwrap();
        let program = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        tcsetwinsize(&person, size(lines, columns)).unwrap();
        let side = || Stdio::from(program.try_clone().unwrap());
        // Its terminal is the one that controls it: else nothing tells it of another size.
        let mut command = Command::new("setsid");
        command.arg("--ctty").stdin(side()).stdout(side()).stderr(side());
        command.env("TERM", "xterm-256color").env_remove("NO_COLOR");
        change(&mut command);
        let child = command.spawn().unwrap();
        let terminal = vt100::Parser::new(lines, columns, 0);
        let seen = Arc::new(Mutex::new(Seen { bytes: Vec::new(), terminal }));
        let (person, told) = (File::from(person), Arc::clone(&seen));
        let mut read = person.try_clone().unwrap();
        thread::spawn(move || {
            let mut block = [0; 4096];
            while let Ok(length @ 1..) = read.read(&mut block) {
                let mut seen = told.lock().unwrap();
                seen.bytes.extend(&block[..length]);
                seen.terminal.process(&block[..length]);
            }
        });
        Self { child, person, program, seen }
    }

    /// Executes a test of this program once more, on the terminal.
    pub(crate) fn of_a_test(size: (u16, u16), test: &str) -> Self {
        Self::new(size, |command| {
            let program = std::env::current_exe().unwrap();
            command.arg(program).args(["--exact", test, "--ignored", "--nocapture"]);
            command.env("RUST_BACKTRACE", "0");
        })
    }

    /// What is on the screen.
    pub(crate) fn contents(&self) -> String {
        self.seen.lock().unwrap().terminal.screen().contents()
    }

    /// Everything that was ever written to it.
    pub(crate) fn bytes(&self) -> String {
        String::from_utf8_lossy(&self.seen.lock().unwrap().bytes).into_owned()
    }

    /// Waits until a person sees this.
    pub(crate) fn see(&self, what: &str) {
        self.until(what, |contents| contents.contains(what));
    }

    /// The same of anything.
    pub(crate) fn until(&self, what: &str, is_so: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so(&self.contents()) {
            assert!(Instant::now() < deadline, "never seen: {what}\n{}", self.contents());
            thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.person.write_all(keys.as_bytes()).unwrap();
    }

    /// The person pulls at the window. A key in the same moment would wait for the next one (crossterm 0.29).
    pub(crate) fn resize(&mut self, lines: u16, columns: u16) {
        self.seen.lock().unwrap().terminal.screen_mut().set_size(lines, columns);
        tcsetwinsize(&self.person, size(lines, columns)).unwrap();
    }

    /// Waits for its end, and that all that it said is on the screen; its exit code.
    pub(crate) fn end(&mut self) -> i32 {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "it does not end\n{}", self.contents());
            thread::sleep(Duration::from_millis(10));
        };
        // What it wrote is before this in the same queue.
        const MARK: &str = "(it has ended)";
        let mut program = File::from(self.program.try_clone().unwrap());
        program.write_all(format!("\r\n{MARK}").as_bytes()).unwrap();
        self.until("its end", |_| self.bytes().contains(MARK));
        status.code().unwrap()
    }

    /// The shell has its terminal back: its own screen, the cursor, and lines that are typed are seen.
    pub(crate) fn is_given_back(&self) {
        let modes = tcgetattr(&self.program).unwrap().local_modes;
        assert!(modes.contains(LocalModes::ICANON | LocalModes::ECHO), "it is still raw");
        let seen = self.seen.lock().unwrap();
        let screen = seen.terminal.screen();
        assert!(!screen.alternate_screen(), "the other screen is still there");
        assert!(!screen.hide_cursor(), "the cursor is still hidden");
    }

    /// What was ever written to it has a colour.
    pub(crate) fn was_coloured(&self) -> bool {
        let bytes = self.bytes();
        let styles = bytes.split("\u{1b}[").skip(1).filter_map(|it| it.split_once('m'));
        let is_number = |it: &char| it.is_ascii_digit() || *it == ';';
        let mut numbers = styles
            .filter(|(style, _)| style.chars().all(|it| is_number(&it)))
            .flat_map(|(style, _)| style.split(';').filter_map(|it| it.parse::<u8>().ok()));
        numbers.any(|it| matches!(it, 30..=38 | 40..=48 | 90..=107))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn size(lines: u16, columns: u16) -> Winsize {
    Winsize { ws_row: lines, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}
