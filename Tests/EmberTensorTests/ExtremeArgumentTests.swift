import EmberRuntime
import EmberTensor
import Testing

/// Integers at the ends of their range and shapes whose product overflows: an error or the sensible result, never a trap.
@Suite struct ExtremeArgumentTests {
  struct Extreme: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let kind: EmberError.Kind
    let run: @Sendable () -> Tensor
    init(_ description: String, _ kind: EmberError.Kind, _ run: @escaping @Sendable () -> Tensor) {
      (testDescription, self.kind, self.run) = (description, kind, run)
    }
  }

  static let refused: [Extreme] = [
    Extreme("narrow from the last number", .index) { Tensor.ones([3]).narrow(0, start: .max, length: 1) },
    Extreme("narrow of the largest length", .index) { Tensor.ones([3]).narrow(0, start: 1, length: .max) },
    Extreme("narrow from the first number", .index) { Tensor.ones([3]).narrow(0, start: .min, length: 1) },
    Extreme("chunk of no elements", .value) { Tensor.ones([0]).chunk(.max)[0] },
    Extreme("tensorSplit", .value) { Tensor.ones([3]).tensorSplit(.max)[0] },
    Extreme("split into sizes that overflow", .value) { Tensor.ones([3]).split([.max, 1])[1] },
    Extreme("labels for one hot", .index) { Tensor([Int.max]).oneHot() },
    Extreme("arange down from the least number", .value) { Tensor.arange(0, .integer(.min), step: 1) },
    Extreme("arange of all negative numbers", .memory) { Tensor.arange(0, .integer(.min), step: -1) },
    Extreme("repeat", .memory) { Tensor.ones([3]).repeat(.max) },
    Extreme("stride down from the largest number", .memory) { Tensor.ones([3])[stride(from: Int.max, to: 0, by: -1)] },
    Extreme("dilation", .value) { Tensor.ones([1, 1, 9]).conv1d(Tensor.ones([1, 1, 3]), dilation: Int.max) },
    Extreme("dilation within the limit", .shape) { Tensor.ones([1, 1, 9]).conv1d(Tensor.ones([1, 1, 3]), dilation: 1 << 30) },
    Extreme("a kernel on meta", .shape) {
      Tensor.zeros([1, 1, 9], on: .meta).conv1d(Tensor.zeros([1, 1, 1 << 50], on: .meta), dilation: 1 << 30)
    },
    Extreme("gather of blocks", .memory) {
      Tensor.zeros([1, 1]).expand([2, 1 << 40])[Tensor([0]).expand([1 << 40])]
    },
    Extreme("too few tangents", .value) {
      jvp({ $0[0] * $0[1] }, at: [Tensor.ones([2]), Tensor.ones([2])], tangents: [Tensor.ones([2])]).tangent
    },
    Extreme("full like an expanded tensor", .memory) { Tensor.ones(like: Tensor.zeros([1]).expand([1 << 55])) },
  ]

  @Test(arguments: refused) func isAnError(_ extreme: Extreme) {
    let error = #expect(throws: EmberError.self) { try catchingErrors { _ = extreme.run() } }
    #expect(error?.kind == extreme.kind, "\(error?.description ?? "")")
  }

  @Test func rangesAreClipped() throws {
    let x = Tensor.arange(5), all = x.elements(as: Int.self)
    try catchingErrors {
      #expect(x[.slice(step: .max)].elements(as: Int.self) == [0])
      #expect(x[0...Int.max].elements(as: Int.self) == all && x[...Int.max].elements(as: Int.self) == all)
      #expect(x[Int.max...].elementCount == 0 && x[Int.min...].elements(as: Int.self) == all && x[..<Int.min].elementCount == 0)
      #expect(x[stride(from: 0, to: Int.max, by: 1)].elements(as: Int.self) == all)
      #expect(x[stride(from: 1, to: Int.max, by: 2)].elements(as: Int.self) == [1, 3])
      #expect(x[stride(from: -3, to: 0, by: 1)].elements(as: Int.self) == [2, 3, 4])
      #expect(x[stride(from: -4, to: 0, by: 2)].elements(as: Int.self) == [1, 3])
      #expect(x[stride(from: 4, to: 0, by: -2)].elements(as: Int.self) == [4, 2])
      #expect(x[stride(from: 3, to: 3, by: 1)].elementCount == 0)
      #expect(x[stride(from: Int.min, to: Int.max, by: Int.max)].elementCount > 0)
      #expect(x.unfold(0, size: 2, step: .max).elements(as: Int.self) == [0, 1])
      #expect(x.chunk(.max).count == 5 && x.split(.max).count == 1)
    }
  }
}
