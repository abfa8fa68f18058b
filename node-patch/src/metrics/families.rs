//! A metric family on the page: its words, and its samples.

use std::fmt;

use prometheus_client::{
    encoding::{
        DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, MetricEncoder, NoLabelSet,
    },
    metrics::MetricType,
    registry::Unit,
};

/// What a family is called and says of itself. Names get the prefix of the registry, and the
/// suffixes of unit and type.
pub(super) struct Words {
    name: &'static str,
    help: &'static str,
    unit: Option<Unit>,
}

/// A family without a unit.
pub(super) const fn words(name: &'static str, help: &'static str) -> Words {
    Words { name, help, unit: None }
}

impl Words {
    /// The same with a unit.
    pub(super) fn of(self, unit: Unit) -> Self {
        Self { unit: Some(unit), ..self }
    }
}

/// Samples of one family that differ in one label.
pub(super) type Labelled<'a, T> = (&'static str, &'a [(&'static str, T)]);

/// Writes families, one after the other.
pub(super) struct Families<'a>(pub(super) DescriptorEncoder<'a>);

impl Families<'_> {
    pub(super) fn gauge(&mut self, words: &Words, value: impl EncodeGaugeValue) -> fmt::Result {
        self.family(words, MetricType::Gauge)?.encode_gauge(&value)
    }

    pub(super) fn gauges<T: EncodeGaugeValue>(
        &mut self,
        words: &Words,
        (label, values): Labelled<'_, T>,
    ) -> fmt::Result {
        let mut family = self.family(words, MetricType::Gauge)?;
        for (name, value) in values {
            family.encode_family(&[(label, *name)])?.encode_gauge(value)?;
        }
        Ok(())
    }

    pub(super) fn counter(&mut self, words: &Words, value: u64) -> fmt::Result {
        count(self.family(words, MetricType::Counter)?, &value)
    }

    pub(super) fn counters(
        &mut self,
        words: &Words,
        (label, values): Labelled<'_, u64>,
    ) -> fmt::Result {
        let mut family = self.family(words, MetricType::Counter)?;
        for (name, value) in values {
            count(family.encode_family(&[(label, *name)])?, value)?;
        }
        Ok(())
    }

    /// `buckets` by their upper bounds, each with what fell into it alone.
    pub(super) fn histogram(
        &mut self,
        words: &Words,
        sum: u64,
        buckets: &[(f64, u64)],
    ) -> fmt::Result {
        let number = buckets.iter().map(|(_, number)| number).sum();
        let mut family = self.family(words, MetricType::Histogram)?;
        family.encode_histogram::<NoLabelSet>(sum as f64, number, buckets, None)
    }

    pub(super) fn info(&mut self, words: &Words, labels: &[(&str, &str)]) -> fmt::Result {
        self.family(words, MetricType::Info)?.encode_info(&labels)
    }

    fn family<'s>(
        &'s mut self,
        words: &'s Words,
        kind: MetricType,
    ) -> Result<MetricEncoder<'s>, fmt::Error> {
        self.0.encode_descriptor(words.name, words.help, words.unit.as_ref(), kind)
    }
}

fn count(mut sample: MetricEncoder<'_>, value: &impl EncodeCounterValue) -> fmt::Result {
    sample.encode_counter::<NoLabelSet, _, f64>(value, None)
}
