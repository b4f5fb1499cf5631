import Testing

/// One after the other: each takes both processors, and all draw from the default generator.
@Suite(.serialized) struct ExamplesTests {}

/// The means of the first and of the last tenth of a run's numbers.
func ends(of numbers: [Double]) -> (first: Double, last: Double) {
  let count = max(1, numbers.count / 10)
  return (numbers.prefix(count).reduce(0, +) / Double(count), numbers.suffix(count).reduce(0, +) / Double(count))
}
