vm_image("my vm" TARGET orders)
