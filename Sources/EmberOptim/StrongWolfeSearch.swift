import EmberTensor

/// Finds a step length along a direction at which the loss has fallen enough and its slope become flat enough: the strong Wolfe
/// conditions (Nocedal and Wright, Numerical Optimization, algorithms 3.5 and 3.6, with cubic interpolation).
struct StrongWolfeSearch {
  let direction: Tensor
  /// The search ends where the bracket is so narrow that no parameter changes by more.
  let tolerance: Double
  private let sufficientDecrease = 1e-4
  private let curvature = 0.9

  init(direction: Tensor, tolerance: Double) {
    self.direction = direction
    self.tolerance = tolerance
  }

  /// A step length with what was found there.
  private struct Point {
    var length: Double
    var at: Evaluation
    var slope: Double
  }

  /// - Parameters:
  ///   - slope: at the start.
  ///   - length: of the first step to look at.
  ///   - limit: the number of points to look at beyond the first.
  ///   - evaluate: loss and gradient after a step of a length.
  func run(
    from start: Evaluation, slope: Double, length: Double, limit: Int, evaluate: (Double) -> Evaluation
  ) -> (evaluation: Evaluation, length: Double, evaluations: Int) {
    func point(_ length: Double) -> Point {
      let at = evaluate(length)
      return Point(length: length, at: at, slope: at.gradient.product(direction))
    }
    let origin = Point(length: 0, at: start, slope: slope)
    func isHigh(_ point: Point) -> Bool { point.at.loss > start.loss + sufficientDecrease * point.length * slope }
    func isFlat(_ point: Point) -> Bool { point.slope.magnitude <= -curvature * slope }

    // Longer and longer steps until two points enclose a minimum, or one is good.
    var last = origin, new = point(length)
    var evaluations = 1, iteration = 0
    var bracket: [Point]?
    var isDone = false
    while iteration < limit {
      if isHigh(new) || (iteration > 1 && new.at.loss >= last.at.loss) {
        bracket = [last, new]
        break
      }
      if isFlat(new) {
        bracket = [new]
        isDone = true
        break
      }
      if new.slope >= 0 {
        bracket = [last, new]
        break
      }
      let least = new.length + 0.01 * (new.length - last.length), most = new.length * 10
      let next = Self.cubicMinimum(last, new, bounds: (least, most))
      last = new
      new = point(next)
      evaluations += 1
      iteration += 1
    }
    var ends = bracket ?? [origin, new]
    if isDone || ends.count == 1 { return (ends[0].at, ends[0].length, evaluations) }

    // Narrower and narrower brackets around it.
    let size = direction.elementCount == 0 ? 0 : direction.abs().amax().item()
    var low = ends[0].at.loss <= ends[1].at.loss ? 0 : 1
    var hasStalled = false
    while iteration < limit, !isDone {
      let left = min(ends[0].length, ends[1].length), right = max(ends[0].length, ends[1].length)
      if (right - left) * size < tolerance { break }
      var next = Self.cubicMinimum(ends[0], ends[1], bounds: nil)
      // A step to an end of the bracket, or twice close to one, makes no progress: a tenth inside.
      let margin = 0.1 * (right - left)
      if min(right - next, next - left) < margin {
        if hasStalled || next >= right || next <= left {
          next = (next - right).magnitude < (next - left).magnitude ? right - margin : left + margin
          hasStalled = false
        } else {
          hasStalled = true
        }
      } else {
        hasStalled = false
      }
      let middle = point(next)
      evaluations += 1
      iteration += 1
      let high = 1 - low
      if isHigh(middle) || middle.at.loss >= ends[low].at.loss {
        ends[high] = middle
        low = ends[0].at.loss <= ends[1].at.loss ? 0 : 1
      } else {
        if isFlat(middle) {
          isDone = true
        } else if middle.slope * (ends[high].length - ends[low].length) >= 0 {
          ends[high] = ends[low]
        }
        ends[low] = middle
      }
    }
    return (ends[low].at, ends[low].length, evaluations)
  }

  /// Where the cubic through two points with their slopes is lowest, within bounds; the bounds' middle where it has no minimum.
  private static func cubicMinimum(_ a: Point, _ b: Point, bounds: (Double, Double)?) -> Double {
    let (least, most) = bounds ?? (min(a.length, b.length), max(a.length, b.length))
    let first = a.slope + b.slope - 3 * (a.at.loss - b.at.loss) / (a.length - b.length)
    let square = first * first - a.slope * b.slope
    guard square >= 0 else { return (least + most) / 2 }
    let second = square.squareRoot()
    let position =
      a.length <= b.length
      ? b.length - (b.length - a.length) * ((b.slope + second - first) / (b.slope - a.slope + 2 * second))
      : a.length - (a.length - b.length) * ((a.slope + second - first) / (a.slope - b.slope + 2 * second))
    return min(max(position, least), most)
  }
}
