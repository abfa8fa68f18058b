use super::*;

#[test]
fn sizes_and_shares_carry_units() {
    assert_eq!(parse_size("48 MiB"), Ok(48 << 20));
    assert_eq!(parse_size("48MB"), Ok(48_000_000));
    assert_eq!(
        (parse_share("25%"), parse_share("0.5 %"), parse_share("200%")),
        (Ok(250), Ok(5), Ok(2000))
    );
    for bad in ["", "48", "MiB", "4.5 MiB", "-1 MiB", "48 mib", "48 M", "0 MiB", "99999999999 GiB"]
    {
        assert!(parse_size(bad).is_err(), "{bad}");
    }
    for bad in
        ["", "0.25", "25", "%", "-1%", "0%", "0.05%", "1e2%", "+1%", "9999999%", ".5%", "5.%"]
    {
        assert!(parse_share(bad).is_err(), "{bad}");
    }
}

#[test]
fn durations_carry_units() {
    assert_eq!(parse_duration("60s"), Ok(Duration::from_secs(60)));
    assert_eq!(parse_duration("1m 30s"), Ok(Duration::from_secs(90)));
    assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
    for bad in [
        "",
        " ",
        "60",
        "0",
        "1.5",
        "s",
        "-3s",
        "3 parsecs",
        "25h",
        "999999999999999999999s",
        "1e3s",
    ] {
        assert!(parse_duration(bad).is_err(), "{bad}");
    }
}

#[test]
fn every_unit_is_what_it_says() {
    let sizes = ["3 B", "3 kB", "3 KiB", "3 MB", "3 MiB", "3 GB", "3 GiB"].map(parse_size);
    let bytes = [1, 1000, 1024, 1_000_000, 1_048_576, 1_000_000_000, 1_073_741_824];
    assert_eq!(sizes, bytes.map(|unit: u64| Ok(3 * unit)));
    assert_eq!(parse_size("0 B").unwrap_err(), "no machine has that much, or nothing");
    assert_eq!(parse_share("102400.1%").unwrap_err(), "no node uses nothing, or so much");
    assert_eq!((parse_share("102400%"), parse_share("0.1%")), (Ok(1_024_000), Ok(1)));
    assert!(parse_share("0%").is_err());
}

#[test]
fn a_duration_has_a_unit_and_is_no_longer_than_a_day() {
    assert_eq!(parse_duration("1500ms"), Ok(Duration::from_millis(1500)));
    assert_eq!(parse_duration("24h"), Ok(Duration::from_secs(86_400)));
    assert_eq!(parse_duration("86401s").unwrap_err(), "longer than a day");
    assert_eq!(parse_duration("1.5").unwrap_err(), "its unit is missing");
    assert_eq!(parse_duration(" ").unwrap_err(), "it is empty");
}

#[test]
fn what_stands_there_instead_is_said_with_its_article() {
    let said = |value: &str| {
        let text = format!("x = {value}");
        let (document, _) = DeTable::parse_recoverable(&text);
        let mut problems = Problems::new("f".into(), text.clone());
        Table::root(&document, "a test").boolean("x", &mut problems);
        problems.to_string()
    };
    assert!(said("[1]").contains("must be `true` or `false`, not an array"), "{}", said("[1]"));
    assert!(said("1").contains("not an integer") && said("\"\"").contains("not a string"));
}
