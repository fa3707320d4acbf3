vm_image(admin-vm TARGET admin FORMATS qcow2 raw)
vm_image(all-vm COMMAND sh -c service)
