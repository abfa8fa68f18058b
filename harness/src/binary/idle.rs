//! A program that waits, for a container that is there only to be reached: complete in itself, and
//! made without a compiler.

/// Where it is loaded, header and all.
const BASE: u64 = 0x40_0000;
/// ELF header and one program header.
const HEADERS: u64 = 64 + 56;

/// Asked for something with one argument (`--version`) it ends with 0; with more or none it waits.
#[cfg(target_arch = "x86_64")]
const MACHINE: u16 = 62;
#[cfg(target_arch = "x86_64")]
const CODE: &[u8] = &[
    0x8b, 0x3c, 0x24, // mov edi, [rsp]     the number of arguments, its name included
    0x83, 0xff, 0x02, // cmp edi, 2
    0x75, 0x07, // jne wait
    0x31, 0xff, // xor edi, edi
    0x6a, 0x3c, 0x58, // push 60; pop rax   exit
    0x0f, 0x05, // syscall
    0x6a, 0x22, 0x58, // wait: push 34; pop rax   pause
    0x0f, 0x05, // syscall
    0xeb, 0xf9, // jmp wait
];

/// The same.
#[cfg(target_arch = "aarch64")]
const MACHINE: u16 = 183;
#[cfg(target_arch = "aarch64")]
const CODE: &[u8] = &[
    0xe0, 0x03, 0x40, 0xf9, // ldr x0, [sp]
    0x1f, 0x08, 0x00, 0xf1, // cmp x0, #2
    0x81, 0x00, 0x00, 0x54, // b.ne wait
    0x00, 0x00, 0x80, 0xd2, // mov x0, #0
    0xa8, 0x0b, 0x80, 0xd2, // mov x8, #93     exit
    0x01, 0x00, 0x00, 0xd4, // svc #0
    0x00, 0x00, 0x80, 0xd2, // wait: mov x0, #0
    0x01, 0x00, 0x80, 0xd2, // mov x1, #0
    0x02, 0x00, 0x80, 0xd2, // mov x2, #0
    0x03, 0x00, 0x80, 0xd2, // mov x3, #0
    0x28, 0x09, 0x80, 0xd2, // mov x8, #73     ppoll
    0x01, 0x00, 0x00, 0xd4, // svc #0
    0xfa, 0xff, 0xff, 0x17, // b wait
];

/// A processor for which nobody has written it down.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const MACHINE: u16 = 0;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const CODE: &[u8] = &[];

/// Its file's content; `None` on a processor for which there is none.
pub fn idle() -> Option<Vec<u8>> {
    if CODE.is_empty() {
        return None;
    }
    let size = HEADERS + CODE.len() as u64;
    // 64 bits, little-endian, version 1.
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    let half = |file: &mut Vec<u8>, values: &[u16]| {
        values.iter().for_each(|value| file.extend(value.to_le_bytes()));
    };
    let word = |file: &mut Vec<u8>, values: &[u32]| {
        values.iter().for_each(|value| file.extend(value.to_le_bytes()));
    };
    let long = |file: &mut Vec<u8>, values: &[u64]| {
        values.iter().for_each(|value| file.extend(value.to_le_bytes()));
    };
    // An executable; its entry, its program headers, no sections.
    half(&mut file, &[2, MACHINE]);
    word(&mut file, &[1]);
    long(&mut file, &[BASE + HEADERS, 64, 0]);
    word(&mut file, &[0]);
    half(&mut file, &[64, 56, 1, 64, 0, 0]);
    // One segment, the whole file: to be loaded, read and executed.
    word(&mut file, &[1, 5]);
    long(&mut file, &[0, BASE, BASE, size, size, 0x1_0000]);
    file.extend(CODE);
    Some(file)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt, process::Command};

    use super::*;
    use crate::binary::{Executable, inspect};

    #[tokio::test]
    async fn it_ends_when_asked_and_waits_otherwise() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("idle");
        fs::write(&path, idle().expect("written down for this processor")).unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        assert_eq!(inspect(&path).await.unwrap(), Executable::Static);
        // Another test's fork may hold the file open for writing for a moment.
        let spawn = |arguments: &[&str]| loop {
            match Command::new(&path).args(arguments).spawn() {
                Err(why) if why.kind() == std::io::ErrorKind::ExecutableFileBusy => {}
                child => return child.unwrap(),
            }
        };
        assert!(spawn(&["--version"]).wait().unwrap().success());
        let mut waiting = spawn(&["--base-path", "/data"]);
        // Its first system call is the one that it waits in.
        let wchan = format!("/proc/{}/stat", waiting.id());
        while !fs::read_to_string(&wchan).unwrap().contains("(idle) S") {
            assert!(waiting.try_wait().unwrap().is_none(), "it ended");
        }
        waiting.kill().unwrap();
        waiting.wait().unwrap();
    }
}
