//! A value over time in bounded room: a run of a week takes no more of a page than one of a minute.

/// A stretch of time and what was seen in it. Nothing that stands out is lost: lowest and highest stay.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bucket {
    /// When it begins, in milliseconds.
    pub(super) from: u64,
    /// Nothing joins it to the one before: between them nobody was there to say.
    pub(super) first: bool,
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) last: f64,
}

/// Values in the order of their time. When there are too many buckets, each takes twice the time.
#[derive(Debug, Clone)]
pub(super) struct Series {
    width: u64,
    most: usize,
    buckets: Vec<Bucket>,
    values: u64,
    broken: bool,
}

impl Series {
    /// At most so many buckets: as many as a picture has places.
    pub(super) fn new(most: usize) -> Self {
        Self { width: 1, most: most.max(2), buckets: Vec::new(), values: 0, broken: true }
    }

    pub(super) fn push(&mut self, at: u64, value: f64) {
        self.values += 1;
        let from = at - at % self.width;
        let first = std::mem::take(&mut self.broken);
        match self.buckets.last_mut() {
            Some(bucket) if from <= bucket.from => bucket.take(value, value, value),
            _ => self.buckets.push(Bucket { from, first, low: value, high: value, last: value }),
        }
        while self.buckets.len() > self.most {
            self.halve();
        }
    }

    /// What comes next does not follow from what was.
    pub(super) fn interrupt(&mut self) {
        self.broken = true;
    }

    pub(super) fn buckets(&self) -> &[Bucket] {
        &self.buckets
    }

    /// Several values share a bucket: what is shown is not all that was seen.
    pub(super) fn is_thinned(&self) -> bool {
        self.values > self.buckets.len() as u64
    }

    /// The same in fewer buckets.
    pub(super) fn at_most(&self, most: usize) -> Self {
        let mut fewer = Self { most: most.max(2), ..self.clone() };
        while fewer.buckets.len() > fewer.most {
            fewer.halve();
        }
        fewer
    }

    fn halve(&mut self) {
        self.width = self.width.saturating_mul(2);
        let mut fewer: Vec<Bucket> = Vec::with_capacity(self.buckets.len() / 2 + 1);
        for bucket in &self.buckets {
            let from = bucket.from - bucket.from % self.width;
            match fewer.last_mut() {
                Some(before) if before.from == from => {
                    before.take(bucket.low, bucket.high, bucket.last)
                }
                _ => fewer.push(Bucket { from, ..*bucket }),
            }
        }
        self.buckets = fewer;
    }
}

impl Bucket {
    fn take(&mut self, low: f64, high: f64, last: f64) {
        (self.low, self.high, self.last) = (self.low.min(low), self.high.max(high), last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_values_keep_their_peak_in_few_buckets() {
        let mut series = Series::new(300);
        for at in 0..1_000_000_u64 {
            series.push(at * 100, if at == 777_777 { 9.0 } else { 2.0 });
        }
        assert!(series.buckets().len() <= 300 && series.buckets().len() > 140);
        assert!(series.is_thinned());
        let peak: Vec<_> = series.buckets().iter().filter(|bucket| bucket.high > 2.0).collect();
        assert_eq!(peak.len(), 1);
        assert_eq!((peak[0].high, peak[0].low, peak[0].last), (9.0, 2.0, 2.0));
        assert!(peak[0].from <= 77_777_700 && 77_777_700 - peak[0].from < 1 << 20);
        let fewer = series.at_most(50);
        assert!(fewer.buckets().len() <= 50);
        assert!(fewer.buckets().iter().any(|bucket| bucket.high > 8.0));
    }

    #[test]
    fn few_values_stay_as_they_are() {
        let mut series = Series::new(10);
        series.push(5, 1.0);
        series.push(7, 3.0);
        assert!(!series.is_thinned());
        assert_eq!(
            series.buckets().iter().map(|b| (b.from, b.last)).collect::<Vec<_>>(),
            [(5, 1.0), (7, 3.0)]
        );
    }
}
