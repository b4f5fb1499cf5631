import CEmber
import EmberOperators
import EmberRuntime
import EmberTensor

@implementation @c public func ember_call(
  _ name: UnsafePointer<CChar>?, _ arguments: UnsafePointer<ember_value>?, _ argument_count: Int,
  _ results: UnsafeMutablePointer<ember_value>?, _ result_capacity: Int, _ result_count: UnsafeMutablePointer<Int>?
) -> ember_status {
  call("ember_call") {
    let name = try text(name, "name"), result_count = try required(result_count, "result_count")
    var positional: [OperatorValue] = [], named: [(name: String, value: OperatorValue)] = []
    for argument in try list(arguments, argument_count, "arguments") {
      if let keyword = argument.name {
        named.append((try text(keyword, "an argument's name"), try operatorValue(argument)))
      } else if named.isEmpty {
        positional.append(try operatorValue(argument))
      } else {
        throw EmberError(.value, in: name, "an argument without a name follows one with a name, \(named[named.count - 1].name)")
      }
    }
    let values = try OperatorRegistry.standard.call(name, positional, named)
    guard values.count <= result_capacity else {
      result_count.pointee = values.count
      throw FaceError(.count, "\(name) has \(values.count) results; there is room for \(result_capacity)")
    }
    // A caller who asks for no results gets none.
    if !values.isEmpty { _ = try required(results, "results") }
    for (i, value) in try taggedValues(values).enumerated() { results![i] = value }
    result_count.pointee = values.count
  }
}

/// All declarations as C strings, in the order of the names.
private nonisolated(unsafe) let declarations: [UnsafePointer<CChar>] = OperatorRegistry.standard.names.map {
  UnsafePointer(copiedText(OperatorRegistry.standard[$0]!.schema.declaration))
}

@implementation @c public func ember_operator_count(_ out: UnsafeMutablePointer<Int>?) -> ember_status {
  tell("ember_operator_count", out) { declarations.count }
}

@implementation @c public func ember_operator_declaration(
  _ index: Int, _ out: UnsafeMutablePointer<UnsafePointer<CChar>?>?
) -> ember_status {
  tell("ember_operator_declaration", out) {
    guard declarations.indices.contains(index) else {
      throw FaceError(.count, "there is no operator \(index); there are \(declarations.count)")
    }
    return declarations[index]
  }
}
