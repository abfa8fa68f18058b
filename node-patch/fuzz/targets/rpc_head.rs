//! `Host` and `Origin` of an RPC request, a line each: what passes is of this machine.
#![no_main]

use std::net::{IpAddr, Ipv6Addr};

use hegemon_node::rpc::guard::{Reach, admit};
use http::{
    HeaderMap, HeaderValue,
    header::{HOST, ORIGIN},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut headers = HeaderMap::new();
    for (index, line) in bytes.split(|byte| *byte == b'\n').take(4).enumerate() {
        let Ok(value) = HeaderValue::from_bytes(line) else { return };
        headers.append(if index % 2 == 0 { HOST } else { ORIGIN }, value);
    }
    if admit(&headers, Reach::Loopback).is_err() {
        return;
    }
    assert_eq!(admit(&headers, Reach::External), Ok(()), "who may ask from here may from outside");
    let host = headers[HOST].to_str().expect("what passed is text");
    assert!(is_loopback(host), "{host}");
    if let Some(origin) = headers.get(ORIGIN) {
        let origin = origin.to_str().expect("what passed is text");
        let (_, from) = origin.split_once("://").expect("what passed has a scheme");
        assert!(is_loopback(from), "{origin}");
    }
});

/// Read in another way than the node does it.
fn is_loopback(authority: &str) -> bool {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => host,
        _ => authority,
    };
    let v6 = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let ip = v6.map_or_else(
        || host.parse::<IpAddr>().ok(),
        |v6| v6.parse::<Ipv6Addr>().ok().map(IpAddr::from),
    );
    host.eq_ignore_ascii_case("localhost") || ip.is_some_and(|ip| ip.to_canonical().is_loopback())
}
