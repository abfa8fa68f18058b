//! Numbers as nodes give them, compared no more exactly than they are known.

use std::cmp::Ordering;

use serde_json::Value;

/// From here on a reader's floating-point numbers leave whole ones out.
const ROUNDED: f64 = 9_007_199_254_740_992.0;

/// Hexadecimal digits that a floating-point number holds exactly.
const EXACT: usize = 13;

/// A number of JSON, or a whole one in hexadecimal digits.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Number {
    Whole(i128),
    /// Above all of those: its digits, small ones, none of them a leading zero.
    Huge(String),
    Other(f64),
    /// A reader rounded it to this.
    Rounded(f64),
}

impl Number {
    pub(super) fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Number(number) => {
                let whole = number.as_i64().map(i128::from).or(number.as_u64().map(i128::from));
                let float = || {
                    let float = number.as_f64()?;
                    let is_exact = float.abs() < ROUNDED;
                    Some(if is_exact { Self::Other(float) } else { Self::Rounded(float) })
                };
                whole.map(Self::Whole).or_else(float)
            }
            Value::String(text) => {
                let digits = text.strip_prefix("0x").filter(|digits| !digits.is_empty())?;
                if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                    return None;
                }
                let digits = match digits.trim_start_matches('0') {
                    "" => "0",
                    digits => digits,
                };
                let whole = i128::from_str_radix(digits, 16).map(Self::Whole);
                Some(whole.unwrap_or_else(|_| Self::Huge(digits.to_ascii_lowercase())))
            }
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// `None`: nobody can say, because of what was rounded.
    pub(super) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Whole(one), Self::Whole(other)) => Some(one.cmp(other)),
            (Self::Huge(one), Self::Huge(other)) => {
                Some(one.len().cmp(&other.len()).then_with(|| one.cmp(other)))
            }
            (Self::Huge(_), Self::Whole(_) | Self::Other(_)) => Some(Ordering::Greater),
            (Self::Whole(_) | Self::Other(_), Self::Huge(_)) => Some(Ordering::Less),
            (Self::Huge(digits), Self::Rounded(float)) => beside(digits, *float),
            (Self::Rounded(float), Self::Huge(digits)) => {
                beside(digits, *float).map(Ordering::reverse)
            }
            (Self::Whole(one), Self::Other(other)) => (*one as f64).partial_cmp(other),
            (Self::Other(one), Self::Whole(other)) => one.partial_cmp(&(*other as f64)),
            (Self::Other(one), Self::Other(other)) => one.partial_cmp(other),
            (Self::Whole(one), Self::Rounded(other)) => apart(*one as f64, *other),
            (Self::Rounded(one), Self::Whole(other)) => apart(*one, *other as f64),
            (Self::Rounded(one), Self::Other(other) | Self::Rounded(other))
            | (Self::Other(one), Self::Rounded(other)) => apart(*one, *other),
        }
    }
}

/// Rounding swaps no two numbers: those that are further apart than a reader errs are apart.
fn apart(one: f64, other: f64) -> Option<Ordering> {
    // Too many hexadecimal digits; numbers of JSON are finite.
    if one.is_infinite() {
        return Some(Ordering::Greater);
    }
    let error = one.abs().max(other.abs()) * (4.0 * f64::EPSILON);
    one.partial_cmp(&other).filter(|_| (one - other).abs() > error)
}

/// More digits than a floating-point number holds, beside one: by those of them that it does hold.
fn beside(digits: &str, float: f64) -> Option<Ordering> {
    let (first, rest) = digits.split_at_checked(EXACT)?;
    let first = u64::from_str_radix(first, 16).ok()?;
    let power = 16_f64.powi(i32::try_from(rest.len()).unwrap_or(i32::MAX));
    let (least, most) = (first as f64 * power, (first + 1) as f64 * power);
    apart(least, float)
        .filter(|order| order.is_gt())
        .or_else(|| apart(most, float).filter(|order| order.is_lt()))
}
