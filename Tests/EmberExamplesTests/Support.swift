import Testing

/// The mean of the first and of the last tenth of a run's losses.
func ends(of losses: [Double]) -> (first: Double, last: Double) {
  let count = max(1, losses.count / 10)
  return (losses.prefix(count).reduce(0, +) / Double(count), losses.suffix(count).reduce(0, +) / Double(count))
}
