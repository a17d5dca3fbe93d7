variable "TAG" { default = "1" }
group "default" { targets = ["a"] }
target "a" {
  inherits = ["b"]
  args = { B = "r.io/${TAG}", "C" = 1 }
  contexts = { x = "target:b" }
  dockerfile-inline = <<-EOT
    FROM ${TAG}
    EOT
}
target "b" { platforms = ["linux/amd64"] }
