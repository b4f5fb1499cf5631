import EmberRuntime
import EmberTensor

/// Sums of products in Einstein's notation: `einsum("bij,bjk->bik", a, b)`.
///
/// Every letter names a dimension, the same letter the same extent (or 1, which stretches); `...` stands for the remaining
/// dimensions, aligned at the end. Letters that the result does not name are summed over. Without `->` the result has the
/// letters that occur once, in alphabetical order, after the `...` dimensions. A letter twice in one operand is a diagonal.
/// Operands are contracted from left to right, each pair by one batched matrix product.
public func einsum(_ equation: String, _ operands: Tensor...) -> Tensor { einsum(equation, operands) }

public func einsum(_ equation: String, _ operands: [Tensor]) -> Tensor {
  compose("einsum", operands) { () throws(EmberError) in
    let plan = try EinsumPlan(equation, operands)
    var terms: [EinsumTerm] = []
    for (operand, labels) in zip(operands, plan.inputs) { terms.append(EinsumTerm(operand, labels)) }
    var result = terms[0].summed(keeping: plan.neededAfter(0))
    for i in terms.indices.dropFirst() { result = result.contracted(with: terms[i], keeping: plan.neededAfter(i)) }
    return result.summed(keeping: Set(plan.output)).arranged(as: plan.output, plan.extents)
  }
}

/// The labels of each operand's dimensions and of the result's. Letters are their code points, `...` dimensions negative numbers.
private struct EinsumPlan {
  var inputs: [[Int]] = []
  var output: [Int] = []
  var extents: [Int: Int] = [:]

  init(_ equation: String, _ operands: [Tensor]) throws(EmberError) {
    func failure(_ message: String) -> EmberError { EmberError(.value, in: "einsum", "\"\(equation)\": \(message)") }
    let text = equation.filter { $0 != " " }
    let sides = text.split(separator: ">", omittingEmptySubsequences: false)
    guard sides.count <= 2, sides.count == 1 || sides[0].last == "-" else { throw failure("there must be at most one ->") }
    let left = sides.count == 2 ? sides[0].dropLast() : sides[0]
    let parts = left.split(separator: ",", omittingEmptySubsequences: false)
    guard !operands.isEmpty, parts.count == operands.count else {
      throw failure("names \(parts.count) operands, but \(operands.count) are given")
    }
    // The number of ... dimensions is needed before their labels can be given.
    let parsed = try parts.map { part throws(EmberError) in try Self.letters(part, failure) }
    var widest = 0
    for (i, part) in parsed.enumerated() {
      let named = part.count { $0 != nil }
      let rest = operands[i].rank - named
      guard part.contains(where: { $0 == nil }) ? rest >= 0 : rest == 0 else {
        throw EmberError(.shape, in: "einsum", "\"\(parts[i])\" names \(named) dimensions of operand \(i), which is \(operands[i].summary)")
      }
      widest = max(widest, rest)
    }
    var uses: [Int: Int] = [:]
    for (i, part) in parsed.enumerated() {
      let rest = operands[i].rank - part.count { $0 != nil }
      let labels = part.flatMap { letter in letter.map { [$0] } ?? (0..<rest).map { $0 - rest } }
      for (dimension, label) in labels.enumerated() {
        let extent = operands[i].shape[dimension]
        if let first = labels[..<dimension].firstIndex(of: label), operands[i].shape[first] != extent {
          throw EmberError(
            .shape, in: "einsum", "\"\(equation)\": a label twice means a diagonal, and operand \(i) is \(operands[i].summary)")
        }
        if let known = extents[label], known != 1, extent != 1, known != extent {
          let name = label < 0 ? "..." : String(UnicodeScalar(UInt8(label)))
          throw EmberError(
            .shape, in: "einsum", "\"\(equation)\": \(name) is \(known) in one operand and \(extent) in another, \(operands[i].summary)")
        }
        extents[label] = (extents[label] ?? 1) == 1 ? extent : extents[label]!
        uses[label, default: 0] += 1
      }
      inputs.append(labels)
    }
    if sides.count == 2 {
      for letter in try Self.letters(sides[1], failure) {
        if let letter {
          guard uses[letter] != nil else { throw failure("the result names \(UnicodeScalar(UInt8(letter))), which no operand has") }
          guard !output.contains(letter) else { throw failure("the result names \(UnicodeScalar(UInt8(letter))) twice") }
          output.append(letter)
        } else {
          output += (0..<widest).map { $0 - widest }
        }
      }
    } else {
      output = (0..<widest).map { $0 - widest } + uses.filter { $0.key >= 0 && $0.value == 1 }.keys.sorted()
    }
    guard output.count <= maximumRank else {
      throw EmberError(.shape, in: "einsum", "the result would have more than \(maximumRank) dimensions")
    }
  }

  /// The letters of one operand; nil for `...`.
  private static func letters(_ part: Substring, _ failure: (String) -> EmberError) throws(EmberError) -> [Int?] {
    var result: [Int?] = []
    var rest = part[...]
    while let character = rest.first {
      if rest.hasPrefix("...") {
        if result.contains(where: { $0 == nil }) { throw failure("... occurs twice in \"\(part)\"") }
        result.append(nil)
        rest = rest.dropFirst(3)
        continue
      }
      guard let code = character.asciiValue, character.isLetter else { throw failure("\"\(character)\" is not a letter") }
      result.append(Int(code))
      rest = rest.dropFirst()
    }
    return result
  }

  /// Labels that are still read after operand `i` has been taken in.
  func neededAfter(_ i: Int) -> Set<Int> { Set(output).union(inputs[(i + 1)...].joined()) }
}

private struct EinsumTerm {
  var tensor: Tensor
  var labels: [Int]

  init(_ tensor: Tensor, _ labels: [Int]) {
    self.tensor = tensor
    self.labels = labels
    // A label twice: the diagonal of its dimensions takes their place.
    while let (i, j) = Self.duplicate(self.labels) {
      self.tensor = apply(DiagonalView(offset: 0, dimension1: i, dimension2: j), self.tensor)
      let label = self.labels[i]
      self.labels.remove(at: j)
      self.labels.remove(at: i)
      self.labels.append(label)
    }
  }

  private static func duplicate(_ labels: [Int]) -> (Int, Int)? {
    for (j, label) in labels.enumerated() {
      if let i = labels[..<j].firstIndex(of: label) { return (i, j) }
    }
    return nil
  }

  func summed(keeping needed: Set<Int>) -> EinsumTerm {
    let gone = labels.indices.filter { !needed.contains(labels[$0]) }
    if gone.isEmpty { return self }
    var copy = self
    copy.tensor = tensor.sum(gone, dtype: tensor.dtype)
    copy.labels = labels.filter { needed.contains($0) }
    return copy
  }

  /// Without dimensions of extent 1 whose label the other has wider.
  private func squeezed(beside other: EinsumTerm) -> EinsumTerm {
    var copy = self
    for (i, label) in labels.enumerated().reversed() where tensor.size(i) == 1 {
      guard let j = other.labels.firstIndex(of: label), other.tensor.size(j) != 1 else { continue }
      copy.tensor = copy.tensor.select(i, 0)
      copy.labels.remove(at: i)
    }
    return copy
  }

  func contracted(with second: EinsumTerm, keeping needed: Set<Int>) -> EinsumTerm {
    var a = squeezed(beside: second)
    var b = second.squeezed(beside: self)
    a = a.summed(keeping: needed.union(b.labels))
    b = b.summed(keeping: needed.union(a.labels))
    let shared = a.labels.filter { b.labels.contains($0) }
    let batch = shared.filter { needed.contains($0) }
    let inner = shared.filter { !needed.contains($0) }
    let rows = a.labels.filter { !shared.contains($0) }
    let columns = b.labels.filter { !shared.contains($0) }
    func extents(_ labels: [Int], _ term: EinsumTerm) -> [Int] { labels.map { term.tensor.size(term.labels.firstIndex(of: $0)!) } }
    func arranged(_ term: EinsumTerm, _ groups: [[Int]]) -> Tensor {
      let order = groups.joined().map { term.labels.firstIndex(of: $0)! }
      return term.tensor.permute(order).reshape(groups.map { extents($0, term).reduce(1, *) })
    }
    let shape = extents(batch, a) + extents(rows, a) + extents(columns, b)
    let product: Tensor
    if inner.isEmpty {
      product = arranged(a, [batch, rows, []]) * arranged(b, [batch, [], columns])
    } else {
      product = arranged(a, [batch, rows, inner]).matmul(arranged(b, [batch, inner, columns]))
    }
    var result = self
    result.tensor = product.reshape(shape)
    result.labels = batch + rows + columns
    return result
  }

  func arranged(as output: [Int], _ extents: [Int: Int]) -> Tensor {
    let present = output.filter { labels.contains($0) }
    let ordered = tensor.permute(present.map { labels.firstIndex(of: $0)! })
    // A dimension that only ever had extent 1 and was squeezed away comes back.
    return ordered.reshape(output.map { extents[$0]! })
  }
}

extension OperatorRegistry {
  mutating func addEinsum() {
    add("aten::einsum(str equation, Tensor[] tensors, *, int[]? path=None) -> Tensor") {
      (equation: String, tensors: [Tensor], path: [Int]?) in einsum(equation, tensors)
    }
    // Python takes the operands one by one or as a list.
    add("torch.einsum(str equation, Any operands) -> Tensor") { (equation: String, operands: OperatorValue) in
      einsum(equation, operands.tensors)
    }
  }
}
