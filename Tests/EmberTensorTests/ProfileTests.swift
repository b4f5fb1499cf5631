import EmberNN
import EmberRuntime
import EmberTensor
import Testing

@Suite struct ProfileTests {
  @Test func callsNestAndAddUp() {
    let weight = Tensor.rand([32, 64], requiresGrad: true), x = Tensor.rand([8, 64])
    let (loss, report) = profile {
      withPlace("step") { () -> Tensor in
        let loss = (x.linear(weight).relu() + 1).sum()
        loss.backward()
        return loss
      }
    }
    #expect(loss.item() > 0)
    let titles = report.events.map(\.title)
    for title in ["step", "linear", "relu", "sum", "linear (backward)", "relu (backward)", "sum (backward)"] {
      #expect(titles.contains(title), "\(title) is missing among \(titles)")
    }
    #expect(report.events[0].title == "step" && report.events[0].kind == .region && report.events[0].depth == 0)
    #expect(report.events.dropFirst().allSatisfy { $0.depth >= 1 && $0.start >= report.events[0].start })
    // What calls take without those inside adds up to the outermost.
    let own = report.events.reduce(0) { $0 + $1.selfDuration }
    #expect(abs(own - report.events[0].duration) < 1e-9 * Double(report.events.count))
    #expect(report.duration >= report.events[0].duration)
    let linear = report.events.first { $0.title == "linear" }!
    #expect(linear.inputs == "float32[8, 64], float32[32, 64], nil")
  }

  /// In a process of its own: memory is counted for all of it.
  @Test func memoryIsThatOfResults() async {
    await #expect(processExitsWith: .success) {
      let weight = Tensor.rand([32, 64]), x = Tensor.rand([8, 64])
      let (y, report) = profile { x.linear(weight).relu() }
      let linear = report.events.first { $0.title == "linear" }!
      #expect(linear.bytes >= 8 * 32 * 4 && linear.bytes == linear.selfBytes)
      #expect(report.peakMemory >= y.elementCount * 4)
    }
  }

  @Test func rowsGatherCalls() {
    let a = Tensor.rand([4]), b = Tensor.rand([2, 4])
    let report = profile {
      for _ in 0..<3 { _ = a * a }
      _ = b * b
    }
    let rows = report.rows()
    #expect(rows.count == 1 && rows[0].title == "mul" && rows[0].count == 4)
    let byShape = report.rows(groupedByInputs: true, order: .count)
    #expect(byShape.map(\.count) == [3, 1])
    #expect(byShape.map(\.inputs) == ["float32[4], float32[4]", "float32[2, 4], float32[2, 4]"])
    #expect(report.table(groupedByInputs: true).contains("float32[2, 4]"))
  }

  @Test func resultsAreThoseWithoutAProfile() {
    let x = Tensor.rand([5, 6], generator: Generator(seed: 1)), w = Tensor.rand([6], generator: Generator(seed: 2), requiresGrad: true)
    func run() -> [Float] {
      var y = x * w
      y += x
      return grad(of: y.softmax(1).square().sum(), with: w).elements(as: Float.self)
    }
    let plain = run()
    #expect(profile { run() }.result == plain)
    // Afterwards nothing is observed.
    #expect(profile {}.events.isEmpty)
  }

  @Test func inPlaceArithmeticStaysInPlace() {
    var x = Tensor.rand([100])
    let address = x.storageAddress
    let report = profile { x += 1 }
    #expect(x.storageAddress == address)
    #expect(report.events.count == 1)
  }

  @Test func profilesNestAndErrorsPassThrough() throws {
    let x = Tensor.rand([3])
    let (inner, outer) = profile { () -> Profile in
      _ = x + x
      return profile { _ = x * x }
    }
    #expect(inner.events.map(\.title) == ["mul"])
    #expect(outer.events.map(\.title) == ["add", "mul"])
    #expect(throws: (any Error).self) { try catchingErrors { _ = profile { x.matmul(Tensor.rand([4])) } } }
    #expect(profile { _ = x + x }.events.count == 1)
  }

  @Test func layersShowAsRegions() {
    let model = Sequential(Linear(4, 3), ReLU())
    let report = profile { _ = model(Tensor.rand([2, 4])) }
    let regions = report.events.filter { $0.kind == .region }.map { "\($0.depth) \($0.title)" }
    #expect(regions == ["0 Sequential", "1 Linear", "1 ReLU"])
  }

  @Test func theTraceIsJSON() throws {
    let report = profile { withPlace("a \"quoted\"\nname") { _ = Tensor.rand([3]) + 1 } }
    let text = report.chromeTrace
    #expect(text.contains(#"a \"quoted\"\u000aname"#))
    #expect(text.contains(#""ph":"X""#) && text.contains(#""ph":"C""#))
    // Braces and brackets close.
    var depth = 0
    for character in text { if "{[".contains(character) { depth += 1 } else if "}]".contains(character) { depth -= 1 } }
    #expect(depth == 0)
  }
}
