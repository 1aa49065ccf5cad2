# What every remedy script can do. Only Set-RegistryDword, Remove-RegistryValue and Update-RdpCertificate change
# anything, and only under -Apply.
$RdpTcp = 'HKLM:\SYSTEM\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp'
$RdpPolicy = 'HKLM:\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services'
$RdpStore = 'Cert:\LocalMachine\Remote Desktop'
$script:Folder = $null

function Write-Heading {
    param([string] $Text)
    Write-Host ''
    Write-Host "== $Text"
}

function Invoke-Reading {
    param([string] $Title, [scriptblock] $Read)
    Write-Host ''
    Write-Host "-- $Title"
    try {
        $text = (& $Read | Out-String -Width 160).Trim()
        if ($text) { Write-Host $text } else { Write-Host '   nothing found' }
    } catch {
        Write-Host "   could not be read: $($_.Exception.Message)"
    }
}

function Get-RegistryValue {
    param([string] $Path, [string] $Name)
    if (-not (Test-Path -LiteralPath $Path)) { return $null }
    $key = Get-Item -LiteralPath $Path
    if ($key.GetValueNames() -notcontains $Name) { return $null }
    return [pscustomobject] @{ Data = $key.GetValue($Name); Kind = [string] $key.GetValueKind($Name) }
}

function Format-RegistryValue {
    param([object] $Value)
    if ($null -eq $Value) { return 'not set' }
    if ($Value.Data -is [byte[]]) { return [System.BitConverter]::ToString($Value.Data).Replace('-', '') }
    return "$($Value.Data) ($($Value.Kind))"
}

function Show-RegistryValue {
    param([string] $Path, [string] $Name)
    try {
        $value = Get-RegistryValue -Path $Path -Name $Name
        Write-Host "   $Path\$Name : $(Format-RegistryValue -Value $value)"
    } catch {
        Write-Host "   $Path\$Name : could not be read: $($_.Exception.Message)"
    }
}

function Show-Service {
    param([string[]] $Name)
    Invoke-Reading -Title "Services $($Name -join ', ')" -Read {
        Get-Service -Name $Name -ErrorAction SilentlyContinue | Format-Table -AutoSize -Property 'Name', 'Status', 'StartType'
    }
}

function Show-Listener {
    Invoke-Reading -Title 'Who listens on the port of Remote Desktop' -Read {
        $port = Get-RegistryValue -Path $RdpTcp -Name 'PortNumber'
        if ($null -eq $port) { 'PortNumber is not set'; return }
        "PortNumber is $($port.Data)"
        Get-NetTCPConnection -State Listen -LocalPort $port.Data -ErrorAction SilentlyContinue |
            Format-Table -AutoSize -Property 'LocalAddress', 'LocalPort', 'OwningProcess'
    }
}

function Show-Certificate {
    Invoke-Reading -Title 'Certificates of the store "Remote Desktop"' -Read {
        Get-ChildItem -LiteralPath $RdpStore |
            Format-List -Property 'Subject', 'Issuer', 'Thumbprint', 'NotBefore', 'NotAfter', 'HasPrivateKey'
    }
    Write-Host ''
    Show-RegistryValue -Path $RdpTcp -Name 'SSLCertificateSHA1Hash'
    Show-RegistryValue -Path $RdpPolicy -Name 'CertTemplateName'
}

function Show-FirewallRule {
    Invoke-Reading -Title 'Firewall rules of the group "Remote Desktop"' -Read {
        Get-NetFirewallRule -Group '@FirewallAPI.dll,-28752' -ErrorAction SilentlyContinue |
            Format-Table -AutoSize -Property 'DisplayName', 'Enabled', 'Profile', 'Action'
        Get-NetConnectionProfile | Format-Table -AutoSize -Property 'InterfaceAlias', 'NetworkCategory'
    }
}

function Show-TlsProtocol {
    foreach ($role in 'Client', 'Server') {
        foreach ($version in 'TLS 1.2', 'TLS 1.3') {
            $path = "HKLM:\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols\$version\$role"
            Show-RegistryValue -Path $path -Name 'Enabled'
            Show-RegistryValue -Path $path -Name 'DisabledByDefault'
        }
    }
}

function Show-Event {
    param([string] $Log, [int[]] $Id)
    Invoke-Reading -Title "Newest events $($Id -join ', ') of $Log" -Read {
        Get-WinEvent -FilterHashtable @{ LogName = $Log; Id = $Id } -MaxEvents 8 -ErrorAction Stop |
            Format-Table -AutoSize -Wrap -Property 'TimeCreated', 'Id', 'Message'
    }
}

# A folder that did not exist before: nobody else can have put anything into it.
function Open-Backup {
    if ($null -ne $script:Folder) { return }
    $name = 'rdpscan-remedy-' + (Get-Date -Format 'yyyyMMdd-HHmmss')
    $folder = Join-Path -Path $BackupFolder -ChildPath $name
    $null = New-Item -Path $folder -ItemType Directory
    $script:Folder = $folder
    $head = '# Undoes what the remedy script changed. Read it, then run it in an elevated 64-bit PowerShell.'
    Set-Content -LiteralPath (Join-Path -Path $folder -ChildPath 'undo.ps1') -Encoding UTF8 -Value $head
    $null = Start-Transcript -Path (Join-Path -Path $folder -ChildPath 'transcript.txt')
}

# Written before the change: if the change fails half way, the way back is there.
function Add-Undo {
    param([string] $Line)
    Open-Backup
    Add-Content -LiteralPath (Join-Path -Path $script:Folder -ChildPath 'undo.ps1') -Encoding UTF8 -Value $Line
    Write-Host "   to undo: $Line"
}

function Add-UndoOfValue {
    param([string] $Path, [string] $Name, [object] $Value)
    $place = "-LiteralPath '$Path' -Name '$Name'"
    if ($null -eq $Value) {
        Add-Undo -Line "Remove-ItemProperty $place"
    } elseif ($Value.Kind -eq 'DWord') {
        Add-Undo -Line "New-ItemProperty $place -PropertyType DWord -Value $($Value.Data) -Force"
    } elseif ($Value.Kind -eq 'Binary') {
        $bytes = ($Value.Data | ForEach-Object -Process { '0x{0:x2}' -f $_ }) -join ', '
        Add-Undo -Line "New-ItemProperty $place -PropertyType Binary -Value ([byte[]] @($bytes)) -Force"
    } else {
        throw "$Path\$Name is of the kind $($Value.Kind), which this script does not change"
    }
}

function Set-RegistryDword {
    param([string] $Path, [string] $Name, [int] $Data, [string] $Policy)
    Write-Host ''
    $now = Get-RegistryValue -Path $Path -Name $Name
    Write-Host "   $Path\$Name : $(Format-RegistryValue -Value $now), wanted: $Data"
    if ($Policy) {
        $ruled = Get-RegistryValue -Path $Policy -Name $Name
        if ($null -ne $ruled -and $ruled.Data -ne $Data) {
            Write-Host "   A policy sets it to $($ruled.Data): change the policy (gpresult /h names it). Left alone."
            return
        }
    }
    if ($null -ne $now -and $now.Kind -eq 'DWord' -and $now.Data -eq $Data) {
        Write-Host '   Nothing to do.'
        return
    }
    if (-not $Apply) {
        Write-Host '   With -Apply it is set.'
        return
    }
    Add-UndoOfValue -Path $Path -Name $Name -Value $now
    if (-not (Test-Path -LiteralPath $Path)) { $null = New-Item -Path $Path -Force }
    $null = New-ItemProperty -LiteralPath $Path -Name $Name -PropertyType DWord -Value $Data -Force
    Write-Host "   Now: $(Format-RegistryValue -Value (Get-RegistryValue -Path $Path -Name $Name))"
}

function Remove-RegistryValue {
    param([string] $Path, [string] $Name)
    $now = Get-RegistryValue -Path $Path -Name $Name
    if ($null -eq $now) { return }
    Add-UndoOfValue -Path $Path -Name $Name -Value $now
    Remove-ItemProperty -LiteralPath $Path -Name $Name
    Write-Host "   $Path\$Name is removed."
}

# Has the service make a new self-signed certificate. A certificate of an authority is never touched.
function Update-RdpCertificate {
    Write-Host ''
    Write-Host '   Renew the self-signed certificate of Remote Desktop:'
    if ($null -ne (Get-RegistryValue -Path $RdpPolicy -Name 'CertTemplateName')) {
        Write-Host '   A policy gives certificates by a template: run "gpupdate /force". Left alone.'
        return
    }
    $bound = Get-RegistryValue -Path $RdpTcp -Name 'SSLCertificateSHA1Hash'
    if ($null -ne $bound) {
        $print = Format-RegistryValue -Value $bound
        $known = @(Get-ChildItem -LiteralPath 'Cert:\LocalMachine\My', $RdpStore |
            Where-Object -FilterScript { $_.Thumbprint -eq $print })
        if (@($known | Where-Object -FilterScript { $_.Issuer -ne $_.Subject }).Count -gt 0) {
            Write-Host "   The certificate $print of an authority is bound: renew it there, then bind it. Left alone."
            return
        }
        if ($known.Count -eq 0) { Write-Host "   The bound certificate $print does not exist: its binding goes." }
    }
    $old = @(Get-ChildItem -LiteralPath $RdpStore | Where-Object -FilterScript { $_.Issuer -eq $_.Subject })
    $oldPrints = @($old | ForEach-Object -Process { $_.Thumbprint })
    foreach ($certificate in $old) { Write-Host "   $($certificate.Thumbprint) until $($certificate.NotAfter) goes." }
    if (-not $Apply) {
        Write-Host '   With -Apply this is done, and SessionEnv is restarted, which makes a new one. Sessions stay.'
        return
    }
    Open-Backup
    Remove-RegistryValue -Path $RdpTcp -Name 'SSLCertificateSHA1Hash'
    foreach ($certificate in $old) {
        $file = Join-Path -Path $script:Folder -ChildPath "$($certificate.Thumbprint).cer"
        $null = Export-Certificate -Cert $certificate -FilePath $file
        # The key stays in the key store, so the certificate can be joined to it again.
        Add-Undo -Line "Import-Certificate -FilePath '$($file.Replace("'", "''"))' -CertStoreLocation '$RdpStore'"
        Add-Undo -Line "certutil.exe -repairstore 'Remote Desktop' $($certificate.Thumbprint)"
        Remove-Item -LiteralPath $certificate.PSPath
    }
    Restart-Service -Name 'SessionEnv' -Force
    foreach ($second in 1..30) {
        Start-Sleep -Seconds 1
        $new = @(Get-ChildItem -LiteralPath $RdpStore |
            Where-Object -FilterScript { $oldPrints -notcontains $_.Thumbprint })
        if ($new.Count -gt 0) {
            Write-Host "   Made: $($new[0].Thumbprint), valid until $($new[0].NotAfter)."
            return
        }
    }
    Write-Host '   No new certificate after 30 seconds. One may be made at the next connection; else read System 1057, 1058.'
}

function Assert-Computer {
    if ($PSVersionTable.PSVersion.Major -ge 6 -and -not $IsWindows) { throw 'This script is for Windows.' }
    if ([Environment]::Is64BitOperatingSystem -and -not [Environment]::Is64BitProcess) {
        throw 'Run this in 64-bit PowerShell: a 32-bit one is shown another registry.'
    }
    if (-not $Apply) { return }
    $me = [Security.Principal.WindowsIdentity]::GetCurrent()
    $own = New-Object -TypeName Security.Principal.WindowsPrincipal -ArgumentList $me
    if (-not $own.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)) {
        throw '-Apply needs an elevated PowerShell (Run as administrator).'
    }
}
