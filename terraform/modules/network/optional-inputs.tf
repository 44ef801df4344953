variable "cidr_block" {
  description = "Addresses of the VPC; each subnet gets a sixteenth."
  type        = string
  default     = "10.90.0.0/20"

  validation {
    # Redshift Serverless asks for 3 free addresses a subnet at 4 to 32 RPU, and for many more above.
    condition     = can(cidrhost(var.cidr_block, 0)) && try(tonumber(split("/", var.cidr_block)[1]) <= 22, false)
    error_message = "An address block of at least /22, such as 10.90.0.0/20."
  }
}

variable "port" {
  description = "Port of the warehouse."
  type        = number
  default     = 5439
}

variable "client_cidr_blocks" {
  description = "Addresses of SQL clients; Sluice itself needs none, the Data API is not network path."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for block in var.client_cidr_blocks : can(cidrhost(block, 0)) && block != "0.0.0.0/0"])
    error_message = "Each entry is an address block such as 10.0.0.0/16, and not the whole internet."
  }
}

variable "interface_endpoints" {
  description = "Services that the warehouse reaches through interface endpoints: `glue` for Spectrum's catalog."
  type        = list(string)
  default     = ["glue"]
}

variable "log_retention_days" {
  description = "Days that the flow log is kept."
  type        = number
  default     = 90
}

variable "permissions_boundary" {
  description = "ARN of the policy that bounds the role; null for none."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of everything in the module."
  type        = map(string)
  default     = {}
}
