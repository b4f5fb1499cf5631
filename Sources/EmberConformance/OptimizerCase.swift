import EmberFormats
import EmberOptim
import EmberRuntime
import EmberSparse
import EmberTensor

extension Case {
  /// Takes the steps that a case describes, and compares parameters after each.
  func runOptimizer(computed: inout Computed) throws -> Verdict {
    let reader = ValueReader(payload: payload)
    let name = subject.split(separator: ".").last.map(String.init) ?? ""
    let cells = try (json["groups"]?.items ?? []).map { group in
      try (group["params"]?.items ?? []).map { StateCell(try reader.tensor($0), isParameter: true) }
    }
    let made: (any Optimizer)?
    do {
      made = try makeOptimizer(
        name,
        zip(cells, json["groups"]?.items ?? []).map { cells, group in
          NamedGroup(
            cells: cells,
            options: try OptionReader(
              json["options"]?.items ?? [], overriddenBy: group["options"]?.items ?? [], payload, owner: name))
        })
    } catch let error as EmberError { return expectsError ? .refused : .failed("\(error)") }
    guard let optimizer = made else { return .notImplemented }
    if expectsError { return .accepted }

    let parameters = cells.flatMap { $0 }
    let closure = try json["closure"].map { try Quadratic($0, reader) }
    var failure: String?
    for (number, step) in (json["steps"]?.items ?? []).enumerated() {
      if let closure {
        let loss = try catchingErrors {
          optimizer.step {
            optimizer.zeroGrad()
            let loss = closure.loss(parameters)
            loss.backward()
            return loss
          }.item()
        }
        computed.add("\(id)/step\(number)/loss", .real(loss))
        if let wanted = step["loss"]?.real, !Comparison.isClose(loss, wanted, tolerances) {
          failure = failure ?? "the loss of step \(number) is \(loss), not \(wanted)"
        }
      } else {
        try setGradients(step["grads"]?.items ?? [], of: parameters, optimizer, reader)
        try catchingErrors { optimizer.step() }
      }
      let expected = step["params_after"]?.items ?? []
      guard expected.count == parameters.count else { throw CaseFailure("\(expected.count) values for \(parameters.count) parameters") }
      for (i, (cell, wanted)) in zip(parameters, expected).enumerated() {
        computed.add("\(id)/step\(number)/param\(i)", cell.value)
        let difference = try comparison(reader).difference(cell.value.detach(), wanted, firstArgument: nil, indexedDimension: nil)
        if let difference { failure = failure ?? "parameter \(i) after step \(number): \(difference)" }
      }
    }
    return failure.map { .wrongValue($0) } ?? .passed
  }

  private func setGradients(_ gradients: [JSON], of cells: [StateCell], _ optimizer: any Optimizer, _ reader: ValueReader) throws {
    guard gradients.count == cells.count else { throw CaseFailure("\(gradients.count) gradients for \(cells.count) parameters") }
    var reader = reader
    for (cell, gradient) in zip(cells, gradients) {
      (optimizer as? SparseAdam)?.setGradient(nil, of: cell)
      switch try reader.value(gradient) {
      case .none: cell.grad = nil
      case .tensor(let tensor): cell.grad = tensor.detach()
      case .opaque(let sparse as SparseTensor):
        if let rows = optimizer as? SparseAdam {
          try catchingErrors { rows.setGradient(sparse, of: cell) }
        } else {
          cell.grad = try sparse.dense()
        }
      case let other: throw CaseFailure("a gradient is a \(other.kind)")
      }
    }
  }

  var tolerances: (relative: Double, absolute: Double) { (json["rtol"]?.real ?? 0, json["atol"]?.real ?? 0) }

  func comparison(_ reader: ValueReader) -> Comparison {
    Comparison(reader: reader, relative: tolerances.relative, absolute: tolerances.absolute)
  }
}

/// sign · ½ (x - c)ᵀ A (x - c) of all parameters in a row.
private struct Quadratic {
  let matrix: Tensor
  let center: Tensor
  let sign: Double

  init(_ json: JSON, _ reader: ValueReader) throws {
    guard json["kind"]?.text == "quadratic", let matrix = json["A"], let center = json["c"] else {
      throw CaseFailure("a closure of kind \(json["kind"]?.text ?? "?")")
    }
    self.matrix = try reader.tensor(matrix)
    self.center = try reader.tensor(center)
    sign = json["sign"]?.real ?? 1
  }

  func loss(_ parameters: [StateCell]) -> Tensor {
    let distance = cat(parameters.map { $0.value.reshape([-1]) }) - center
    return distance.matmul(matrix.matmul(distance)) * (0.5 * sign)
  }
}
