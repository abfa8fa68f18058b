//! A stand-in that honours the core of the node contract's command line and nothing of its network.
//! Compiled by the tests with rustc alone, static or dynamic, so that they need no node and no
//! dependency. `FAKE_VERSION` is compiled in, as `--version` runs without environment.
//!
//! RPC: any request is answered with `starts=N uid=N`, a request for `/resolve/NAME` with the
//! address of that name, one for `/files` with what its state is. A request for `/eat` is answered when
//! 64 MiB are in use, one for `/bytes` with 4 MiB, and one for `/fetch/ADDRESS` with length and sum of the
//! bytes of the node there.

use std::{env, fs, io::{ErrorKind, Read, Write}, net::{TcpListener, TcpStream, ToSocketAddrs}, os::unix::fs::{MetadataExt, PermissionsExt, symlink}, process::exit, sync::atomic::{AtomicBool, Ordering}, thread, time::{Duration, Instant}};

static TERM: AtomicBool = AtomicBool::new(false);

unsafe extern "C" {
    fn signal(number: i32, handler: extern "C" fn(i32)) -> usize;
}

extern "C" fn on_term(_: i32) {
    TERM.store(true, Ordering::SeqCst);
}

fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    let value = |flag: &str| args.iter().position(|arg| arg == flag).and_then(|at| args.get(at + 1)).cloned();
    if args.iter().any(|arg| arg == "--version") {
        println!("{}", option_env!("FAKE_VERSION").unwrap_or("fake-node 1.0"));
        return;
    }
    unsafe { signal(15, on_term) };
    println!("args {}", args.join(" "));
    for (name, value) in env::vars() {
        println!("env {name}={value}");
    }
    if let Ok(code) = env::var("FAKE_EXIT") {
        eprintln!("leaving with {code}");
        exit(code.parse().unwrap());
    }
    let base = value("--base-path").expect("--base-path");
    let starts = count_start(&base);
    if starts == 1 && let Ok(target) = env::var("FAKE_STATE") {
        make_state(&base, &target);
    }
    let files: usize = env::var("FAKE_FILES").map_or(0, |count| count.parse().unwrap());
    for file in 0..files {
        fs::File::create(format!("{base}/{file}")).unwrap();
    }
    println!("start {starts}");
    if env::var("FAKE_BYTES").is_ok() {
        let mut out = std::io::stdout();
        let _ = out.write_all(&[&[b'x'; 200 * 1024][..], b"\ncaf\xe9 \x00\xff\r\nend of bytes\n"].concat());
        let _ = out.flush();
    }
    let lines: usize = env::var("FAKE_LINES").map_or(0, |count| count.parse().unwrap());
    for line in 0..lines {
        println!("\x1b[32mout\x1b[0m {starts} {line}");
        eprintln!("err {starts} {line}");
    }
    serve(value("--rpc-port").expect("--rpc-port").parse().unwrap(), args.iter().any(|arg| arg == "--rpc-external"), starts);
    println!("SIGTERM");
    if env::var("FAKE_STUBBORN").is_ok() {
        thread::sleep(Duration::from_secs(1000));
    }
    // Without a newline, as a node that dies in the middle of a line.
    print!("bye {starts}");
}

fn base() -> String {
    let args: Vec<String> = env::args().collect();
    args[args.iter().position(|arg| arg == "--base-path").unwrap() + 1].clone()
}

fn count_start(base: &str) -> usize {
    let file = format!("{base}/starts");
    let starts = fs::read_to_string(&file).unwrap_or_default().len() + 1;
    fs::write(&file, "x".repeat(starts)).expect("the base path is writable");
    starts
}

/// Files in folders, of several modes, and a link to somewhere else.
fn make_state(base: &str, target: &str) {
    fs::create_dir_all(format!("{base}/db/deep")).unwrap();
    for (name, size, mode) in [("db/a", 10_000, 0o640), ("db/deep/b", 5, 0o600), ("db/none", 0, 0o644)] {
        let path = format!("{base}/{name}");
        fs::write(&path, vec![b'a'; size]).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
    symlink(target, format!("{base}/link")).unwrap();
}

/// Every file and folder with its owner, mode and size.
fn listing(folder: &str) -> String {
    let mut lines: Vec<String> = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| {
        let (path, about) = (entry.path(), entry.metadata().unwrap());
        let size = if about.is_dir() { 0 } else { about.len() };
        let below = if about.is_dir() { listing(path.to_str().unwrap()) } else { String::new() };
        format!("{} {} {:o} {size};{below}", entry.file_name().display(), about.uid(), about.mode())
    }).collect();
    lines.sort();
    lines.concat()
}

fn serve(port: u16, external: bool, starts: usize) {
    let listener = TcpListener::bind((if external { "0.0.0.0" } else { "127.0.0.1" }, port)).expect("the RPC port is free");
    listener.set_nonblocking(true).unwrap();
    while !TERM.load(Ordering::SeqCst) {
        match listener.accept() {
            Ok((stream, _)) => answer(stream, starts),
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(Duration::from_millis(5)),
            Err(error) => panic!("{error}"),
        }
    }
}

fn answer(mut stream: TcpStream, starts: usize) {
    stream.set_nonblocking(false).unwrap();
    let mut request = [0; 1024];
    let length = stream.read(&mut request).unwrap_or(0);
    let request = String::from_utf8_lossy(&request[..length]).into_owned();
    let path = request.split(' ').nth(1).unwrap_or("/");
    let body = match path.strip_prefix("/resolve/") {
        Some(name) => resolve(name),
        None if path == "/bytes" => (0..4_u64 << 20).map(|at| char::from(b'a' + (at * at / 7 % 26) as u8)).collect(),
        None if path.starts_with("/fetch/") => fetch(&path[7..]).unwrap_or_else(|error| error.to_string()),
        None if path == "/files" => listing(&base()),
        None if path == "/eat" => format!("{}", std::hint::black_box(vec![1_u8; 64 << 20]).len()),
        None => format!("starts={starts} uid={}", fs::metadata("/proc/self").map_or(0, |own| own.uid())),
    };
    let _ = write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
}

fn resolve(name: &str) -> String {
    let began = Instant::now();
    let found = (name, 1).to_socket_addrs().map(|mut addresses| addresses.next().map(|address| address.ip().to_string()));
    let found = found.ok().flatten().unwrap_or_else(|| "unknown".to_owned());
    format!("{found} {}", began.elapsed().as_millis())
}

fn fetch(address: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET /bytes HTTP/1.1\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let sum = answer.iter().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)));
    Ok(format!("{} {sum:x}", answer.len()))
}
