import EmberFormats
import EmberNN
import EmberRuntime
import EmberTensor

extension Case {
  /// Clips gradients by norm or value, and compares them and the norm.
  func runGradClip(computed: inout Computed) throws -> Verdict {
    let reader = ValueReader(payload: payload)
    var options = try OptionReader(json["options"]?.items ?? [], payload, owner: subject)
    let cells = try (json["grads_in"]?.items ?? []).map { json in
      guard json["t"]?.text == "tensor" else { return StateCell(Tensor.zeros([1]), isParameter: true) }
      let gradient = try reader.tensor(json)
      let cell = StateCell(Tensor.zeros(like: gradient), isParameter: true)
      cell.grad = gradient
      return cell
    }
    var norm: Tensor?
    do {
      switch subject.split(separator: ".").last {
      case "clip_grad_norm_":
        guard let maximum = try options.number("max_norm") else { throw CaseFailure("max_norm is missing") }
        let p = try options.number("norm_type") ?? 2
        let refusesNonfinite = try options.flag("error_if_nonfinite") ?? false
        norm = try catchingErrors { clipGradNorm(cells, maxNorm: maximum, normType: p, errorIfNonfinite: refusesNonfinite) }
      case "clip_grad_value_":
        guard let limit = try options.number("clip_value") else { throw CaseFailure("clip_value is missing") }
        try catchingErrors { clipGradValue(cells, limit) }
      default: return .notImplemented
      }
      try options.finish()
    } catch let error as EmberError { return expectsError ? .refused : .failed("\(error)") }
    if expectsError { return .accepted }

    let comparison = comparison(reader)
    let expected = json["grads_after"]?.items ?? []
    guard expected.count == cells.count else { throw CaseFailure("\(expected.count) results for \(cells.count) gradients") }
    var failure: String?
    for (i, (cell, wanted)) in zip(cells, expected).enumerated() where wanted["t"]?.text == "tensor" {
      guard let gradient = cell.grad else { return .wrongValue("gradient \(i) is gone") }
      computed.add("\(id)/grads/\(i)", gradient)
      let difference = try comparison.difference(gradient, wanted, firstArgument: nil, indexedDimension: nil)
      if let difference { failure = failure ?? "gradient \(i): \(difference)" }
    }
    if let wanted = json["total_norm"], let norm {
      computed.add("\(id)/total_norm", norm)
      let actual: OperatorValue = wanted["t"]?.text == "tensor" ? .tensor(norm) : .real(norm.item())
      let difference = try comparison.difference(actual, wanted, firstArgument: nil, indexedDimension: nil)
      if let difference { failure = failure ?? "the norm: \(difference)" }
    }
    return failure.map { .wrongValue($0) } ?? .passed
  }
}
