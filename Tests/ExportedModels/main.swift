// Exports every model of the tests, for scripts/compare-export:  ExportedModels FOLDER [OPSET]

import EmberFormats
import Glibc

guard CommandLine.arguments.count > 1 else {
  print("usage: ExportedModels FOLDER [OPSET]")
  exit(2)
}
let folder = CommandLine.arguments[1], opset = CommandLine.arguments.count > 2 ? Int(CommandLine.arguments[2]) : nil
try Files.makeFolder(folder)
var failures = 0
for var model in ExportCase.all() {
  if let opset { model.options.opset = opset }
  do {
    try model.write(to: folder)
    print(model.name)
  } catch {
    print("\(model.name): \(error)")
    failures += 1
  }
}
exit(failures == 0 ? 0 : 1)
